package whoami

import "github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"

// checkFreshness refuses answers that may have been made for somebody else: those that a cache has kept (RFC 9111
// section 5.1), and those that a shared cache between the gateway and the application may give away without asking.
func checkFreshness(answer Answer) Reason {
	if _, aged := answer.Header["Age"]; aged {
		return FromCache
	}
	if caching.MayReuse(answer.Header, answer.Received) {
		return Cacheable
	}
	return ""
}
