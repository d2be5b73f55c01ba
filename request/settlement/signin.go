package settlement

import (
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// clearSignIn takes from the browser what a callback of the realm set beside a session that is over, and reports whether it
// did. What the response sets anew stays.
func clearSignIn(s *Settlement, header http.Header) bool {
	session := s.found.Session
	isOver := s.after.ended || session.Revoked || session.Lapsed && !s.after.learned
	signIns := s.policy.App.Names().SignIns()
	if len(signIns) == 0 || !isOver {
		return false
	}
	cleared := false
	for _, callback := range signIns {
		if callback.Realm != s.came.Realm {
			continue
		}
		for _, name := range []string{callback.IDTokenCookie, callback.AccessTokenCookie} {
			if name != "" && hasCookie(s.came.Cookies, name) && !cookie.Sets(header["Set-Cookie"], name) {
				header.Add("Set-Cookie", carrier.RemoveSignIn(name))
				cleared = true
			}
		}
	}
	return cleared
}

// hasCookie reports whether the client sent a cookie of the name.
func hasCookie(cookies validator.Cookies, name string) bool {
	return slices.ContainsFunc(cookies, func(one validator.Cookie) bool { return one.Name == name })
}
