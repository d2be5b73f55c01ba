// Package arrival reads what came with a request.
//
// An [Arrival] is read from the request alone: no key, store or network is asked. What its credentials are worth is found out
// later.
package arrival

import (
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Arrival is what came with a request for one realm. It does not change once the session has been read, and must not be
// copied.
type Arrival struct {
	Journey *journey.Journey
	Request *http.Request
	// Realm is the realm of the request.
	Realm string
	// Now is when the request arrived.
	Now time.Time
	// Traced is the same by the machine's own clock. It is nil if nobody traces the request.
	Traced *time.Time
	// Secure reports whether the response is a secure one for the browser.
	Secure bool
	// Forget reports whether the request matches forget_on.
	Forget bool
	// Held is what came of cookies. The session is unusable until [Arrival.ReadSession].
	Held
	// Carrier is the cookie that tokens of the realm travel in, and Token is the one that came in it.
	Carrier carrier.Carrier
	Token   validator.TokenCredential

	own carrier.Own
}

// Held is what a browser holds of cookies.
type Held struct {
	// Cookies holds the cookies as a client sends them.
	Cookies validator.Cookies
	// Session is the session that they carry.
	Session validator.SessionCredential
}

// Read fills in what came but the session. It fails if there are too many cookies, or if a matcher of forget_on fails.
func (a *Arrival) Read(p *policy.Policy, forgetOn pathmatch.Sets, j *journey.Journey, r *http.Request, realm string) error {
	cookies, err := validator.ScanCookies(j.Cookies)
	if err != nil {
		return err
	}
	a.Journey, a.Request, a.Realm, a.Cookies = j, r, realm, cookies
	a.Now, a.Traced = p.App.Now(), telemetry.TraceTime(r.Context())
	a.Secure = p.Site.Token.Cookie.IsSecure(r)
	if in := p.Site.Token.InSessionCookie; in != nil {
		a.Carrier = &carrier.InSession{Cookie: in, Name: p.Site.CombinedCookie(), Secure: a.Secure, Carried: j.Carried}
	} else {
		a.own = carrier.Own{
			Cookie: p.Site.Token.Cookie, Realm: realm, Secure: a.Secure, Sent: &a.Cookies, Surmised: p.Site.SurmisesTokens(),
		}
		a.Carrier = &a.own
	}
	if p.Site.Mode != validator.Stateful { // there tokens are not looked at
		a.Token = a.Carrier.Read()
	} else {
		a.Token = validator.TokenCredential{Presence: validator.Absent}
	}
	if !forgetOn.IsEmpty() {
		a.Forget, err = forgetOn.Any(r)
	}
	return err
}

// ReadSession fills in the session that came. The claims are those of the token that came with it, or nil: the hash of a
// session id that they are bound to need not be computed.
func (a *Arrival) ReadSession(p *policy.Policy, token *validator.Claims) {
	a.Session = p.Site.Session.Cookies.ReadBeside(a.Cookies, token)
}

// Key names the session that came.
func (a *Arrival) Key() sessions.Key { return sessions.Key{Realm: a.Realm, Hash: a.Session.Hash} }

// SessionPairs returns those of the cookies that belong to the session.
func SessionPairs(names validator.SessionCookies, cookies validator.Cookies) []cookie.Pair {
	var pairs []cookie.Pair
	for _, one := range cookies {
		if names.Match(one.Name) {
			pairs = append(pairs, cookie.Pair{Name: one.Name, Value: one.Value})
		}
	}
	return pairs
}

// CookiesOf returns the cookies in the form that the validator reads.
func CookiesOf(pairs []cookie.Pair) validator.Cookies {
	var cookies validator.Cookies
	for _, pair := range pairs {
		cookies = append(cookies, validator.Cookie{Name: pair.Name, Value: pair.Value})
	}
	return cookies
}
