package carrier

import "net/http"

// RemoveSignIn returns the Set-Cookie line that takes a cookie of a sign-in from the browser: one that holds the ID token or
// the access token.
func RemoveSignIn(name string) string {
	removal := http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return removal.String()
}
