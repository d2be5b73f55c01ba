package carrier

import "net/http"

// SignInPrefix begins the names of the cookies that callbacks keep their sign-ins in.
const SignInPrefix = HostPrefix + "jwt_session_"

// RemoveSignIn returns the Set-Cookie line that takes a cookie of a sign-in from the browser: one that holds the ID token or
// the access token.
func RemoveSignIn(name string) string {
	removal := http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return removal.String()
}
