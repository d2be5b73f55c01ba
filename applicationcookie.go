package jwtsession

import (
	"net/http"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// effectOf returns what a response of the application does to the session cookies of the request.
func (v *visit) effectOf(header http.Header) cookie.Effect { return cookie.Judge(v.exchange(header)) }

// exchange returns what that depends on.
func (v *visit) exchange(header http.Header) cookie.Exchange {
	exchange := cookie.Exchange{
		Request: journey.Place(v.request), IsSession: v.sessionCookies.Match, Lines: header["Set-Cookie"], Now: v.now,
		Holds: v.holds,
	}
	sent := sessionPairs(v.sessionCookies, v.cookies)
	bound, _ := v.sessionCookies.Restore(v.token.Claims)
	switch {
	case v.withheld:
		exchange.Withheld = sent
	case v.restore:
		exchange.Sent = sessionPairs(v.sessionCookies, bound)
	default:
		exchange.Sent, exchange.Bound = sent, sessionPairs(v.sessionCookies, bound)
	}
	return exchange
}

// holds says what is known of where the browser keeps a session cookie that came with the request.
func (v *visit) holds(pair cookie.Pair, variant cookie.Variant) cookie.Held {
	if v.gateway == nil {
		return cookie.Unknown
	}
	return v.gateway.Ledger.Places().Holds(v.realm, pair, variant, v.arrived)
}

// notePlaces remembers where the browser keeps the session cookies from now on.
func (v *visit) notePlaces(exchange cookie.Exchange) {
	if v.gateway != nil && len(exchange.Lines) > 0 {
		v.gateway.Ledger.Places().Note(v.realm, exchange)
	}
}

// sessionPairs returns those of the cookies that belong to the session.
func sessionPairs(names validator.SessionCookies, cookies validator.Cookies) []cookie.Pair {
	var pairs []cookie.Pair
	for _, one := range cookies {
		if names.Match(one.Name) {
			pairs = append(pairs, cookie.Pair{Name: one.Name, Value: one.Value})
		}
	}
	return pairs
}

// sessionCookiesOf returns the cookies in the form that the validator reads.
func sessionCookiesOf(pairs []cookie.Pair) validator.Cookies {
	var cookies validator.Cookies
	for _, pair := range pairs {
		cookies = append(cookies, validator.Cookie{Name: pair.Name, Value: pair.Value})
	}
	return cookies
}

// trim removes white space as HTTP has it (RFC 9110 section 5.6.3).
func trim(text string) string { return strings.Trim(text, " \t") }
