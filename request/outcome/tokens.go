package outcome

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// noBearer is what a request brings that has no token of ours in Authorization.
var noBearer = validator.TokenCredential{Presence: validator.Absent}

// readTokens verifies the tokens of ours that came, if tokens count here.
func readTokens(p *policy.Policy, core *app.Core, came *arrival.Arrival) Tokens {
	read := Tokens{Token: validator.Token{State: validator.TokenAbsent}, Bearer: noBearer}
	if core != nil {
		read.Bearer = TakeBearer(p, core, came)
	}
	read.Sent = came.Token.Presence != validator.Absent
	if core == nil || p.Site.Mode == validator.Stateful {
		return read
	}
	read.Token = verify(p, core, came, came.Token)
	if why := came.Carrier.Taken(); why != "" { // as if a token of another realm were there
		read.Token, read.Sent = validator.Token{State: validator.TokenForeign}, false
		p.Warn(why, zap.String("cookie", nameOf(came.Carrier)))
	} else if read.Token.State == validator.TokenForeign {
		p.Warn("a token of another realm is where this realm's would be; give one of them another token_cookie")
	}
	if read.HasBearer() {
		read.weighBearer(p, verify(p, core, came, read.Bearer), came.Token)
	}
	return read
}

func nameOf(carried carrier.Carrier) string {
	switch carried := carried.(type) {
	case *carrier.Own:
		return carried.Name()
	case *carrier.InSession:
		return carried.Name
	default:
		return ""
	}
}

// verify returns what a token is worth on this route.
func verify(p *policy.Policy, core *app.Core, came *arrival.Arrival, token validator.TokenCredential) validator.Token {
	return core.Verify(came.Request.Context(), token, came.Now, validator.Route{
		Realm: came.Realm, Issuer: p.TokenIssuer, Lifetime: p.Site.Token.Lifetime, Longest: p.App.Names().LongestToken(),
		Attributes: p.Site.Needs, Encrypted: p.Site.Token.Encrypt, Dead: core.Dead,
	})
}

// HasBearer reports whether a token of ours came in Authorization, of whatever worth.
func (t *Tokens) HasBearer() bool { return t.Bearer.Presence != validator.Absent }

// weighBearer takes the token in Authorization into account beside the one in the cookie. Exactly one token is looked at:
// two that differ are none. One of another realm is as if it had not come.
func (t *Tokens) weighBearer(p *policy.Policy, token validator.Token, cookie validator.TokenCredential) {
	switch {
	case token.State == validator.TokenForeign:
		t.Bearer = noBearer
		p.Warn("clients send a token of another realm in Authorization; it is ignored here")
		if t.Token.State == validator.TokenAbsent {
			t.Token.Reason = token.Reason
		}
	case t.Token.State == validator.TokenAbsent:
		t.Token = token
	case t.Token.State == validator.TokenForeign:
		t.Token, t.Sent = token, false // the cookie is not ours to clear
	case !t.Bearer.Same(cookie):
		t.Token = validator.Token{Reason: validator.TokenAmbiguous}
	}
}

// TakeBearer reads our token from the client's Authorization, where the route accepts it there, and hides it from all that
// comes behind. What is not ours is the application's, and stays.
func TakeBearer(p *policy.Policy, core *app.Core, came *arrival.Arrival) validator.TokenCredential {
	if !p.AcceptBearer {
		return noBearer
	}
	sent, r := came.Journey.Authorization, came.Request
	bearer, kept := core.Verifier.ReadBearer(sent)
	if bearer.Presence == validator.Absent && slices.ContainsFunc(sent, validator.NamesKey) && core.RereadKeys(r.Context()) {
		bearer, kept = core.Verifier.ReadBearer(sent)
	}
	if bearer.Presence == validator.Absent {
		return noBearer
	}
	// An earlier handler may have replaced what the client sent; that is none of ours to remove.
	journey.SetLines(r.Header, "Authorization", slices.DeleteFunc(slices.Clone(r.Header["Authorization"]),
		func(line string) bool { return slices.Contains(sent, line) && !slices.Contains(kept, line) }))
	if p.Site.Mode == validator.Stateful { // there tokens are not looked at
		return noBearer
	}
	return bearer
}

// mayBeBearer reports whether a token of ours may be in Authorization, where the keys are not there to tell.
func mayBeBearer(p *policy.Policy, came *arrival.Arrival) bool {
	return p.AcceptBearer && slices.ContainsFunc(came.Journey.Authorization, func(line string) bool {
		_, isBearer := validator.CutBearer(line)
		return isBearer
	})
}

// IsDue reports whether the token is so near its end that it is to be replaced.
func IsDue(p *policy.Policy, token validator.Token, now time.Time) bool {
	return time.Unix(token.Claims.Expires(), 0).Sub(now) <= p.RenewBefore
}

// warnOfCredentials warns of cookies that count for nothing, for reasons that an operator can do something about.
func warnOfCredentials(p *policy.Policy, came *arrival.Arrival, token validator.Token) {
	if came.Session.Reason == validator.SessionAmbiguous || token.Reason == validator.TokenAmbiguous {
		p.Warn("requests bring two values of one cookie, so that neither counts; something else on this site or a site "+
			"next to it sets a cookie of that name", zap.String("reason", string(cmp.Or(came.Session.Reason, token.Reason))))
	}
	if came.Session.Presence == validator.Unusable {
		p.WarnOfSession(came.Session.Reason)
	}
}

// noteCookies notes the cookies of a request that nobody is signed in with, if none of them is a session cookie or one of ours.
func noteCookies(o *Outcome) {
	p, came := o.policy, o.came
	switch {
	case !p.Findings.WantsCookies():
		return
	case came.Session.Presence != validator.Absent || o.Sent:
		p.Findings.HasSession()
		return
	case o.HasBearer(): // such a client keeps its token itself, and needs no session cookie
		return
	case p.App.Names().StartOf(came.Realm) != "": // the gateway sets the session cookie itself
		return
	}
	// By now the request lacks our own cookies, and what could be taken for a session cookie.
	cookies, err := validator.ScanCookies(came.Request.Header["Cookie"])
	if err != nil {
		return
	}
	var names []string
	for _, one := range cookies {
		// A cookie without a name may look like a name with an empty value, or with one that begins with an equals sign.
		if isNamed := strings.Trim(one.Value, "=") != ""; isNamed && !p.App.Names().IsSessionCookie(one.Name) {
			names = append(names, one.Name)
		}
	}
	if len(names) > 0 {
		p.NoteCookies(o.Core.Ledger, came.Realm, names)
	}
}
