package jwtsession

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Refuse answers a request that went on without an identity where a later module wants one: by the first rule that does not
// let it pass.
func (v *visit) Refuse(w http.ResponseWriter, r *http.Request) error {
	if v.decision.Undetermined {
		return v.unavailable(w)
	}
	closed := slices.DeleteFunc(slices.Clone(v.Unauthenticated), func(rule *refusal.Rule) bool {
		return rule.Action == refusal.Pass
	})
	rule, err := refusal.RuleFor(closed, r)
	if err != nil {
		return err
	}
	if location := rule.AnswerTo(r, v.repl).Location; location != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, location, http.StatusFound) // which settles the token cookie as every response does
		return nil
	}
	v.clearOnRefusal(w.Header())
	return v.refuse(w)
}

// refuse answers 401. The precise reason is for the log and the placeholder, not for the client.
func (v *visit) refuse(w http.ResponseWriter) error {
	defer v.hideRefused()
	w.Header().Add("Www-Authenticate", challenge(v.realm, v.hasToken(), v.reason)) // as net/http spells it
	if check := v.logger.Check(zap.DebugLevel, "request refused"); check != nil {
		check.Write(zap.String("realm", v.realm), zap.String("reason", string(v.reason)))
	}
	return caddyhttp.Error(http.StatusUnauthorized, notSignedInError(v.reason))
}

// notSignedInError is the error of a request that was refused, by the reason.
type notSignedInError validator.Reason

func (n notSignedInError) Error() string { return "not signed in: " + string(n) }

// challenge returns the WWW-Authenticate value (RFC 6750 section 3). Without a token there is no error to name.
func challenge(realm string, tokenSent bool, reason validator.Reason) string {
	if !tokenSent {
		return `Bearer realm="` + realm + `"` // nothing in a realm's name needs to be escaped
	}
	var description string
	switch reason {
	case validator.TokenExpired, validator.TokenTooOld:
		description = "the token expired"
	case validator.SessionMissing, validator.SessionIncomplete:
		description = "the token came without its session"
	default:
		description = "the token is not accepted"
	}
	return `Bearer realm="` + realm + `", error="invalid_token", error_description="` + description + `"`
}

// couldNot answers a request where neither yes nor no could be found out: never with 401, which would sign the user
// out. What needs no identity goes on.
func (v *visit) couldNot(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(v.Unauthenticated, v.request)
	if err != nil {
		return err
	}
	if rule.AnswerTo(v.request, v.repl).Pass {
		v.tokenCookie = validator.LeaveToken
		return v.passOn(w, identity.Principal{})
	}
	v.count()
	v.beforeApplication()
	return v.unavailable(w)
}

// unavailable answers 503: neither yes nor no.
func (v *visit) unavailable(w http.ResponseWriter) error {
	defer v.hideRefused()
	v.setReason()
	v.clearOnRefusal(w.Header())
	w.Header().Set("Retry-After", refusal.RetryAfter)
	return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("%w: %s", errUndetermined, v.reason))
}

// clearOnRefusal clears the token on an answer of our own, which no cache may store.
func (v *visit) clearOnRefusal(header http.Header) {
	header.Set("Cache-Control", "no-store")
	if line := v.clearLine(); line != "" {
		header.Add("Set-Cookie", line)
	}
	v.clearRevoked(header)
	v.clearSignIn(header)
}

// unauthenticated answers a request that nobody is signed in with.
func (v *visit) unauthenticated(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(v.Unauthenticated, v.request)
	if err != nil {
		return err
	}
	what := rule.AnswerTo(v.request, v.repl)
	if what.Pass {
		return v.passOn(w, identity.Principal{})
	}
	v.count()
	v.beforeApplication()
	v.setReason()
	v.clearOnRefusal(w.Header())
	if what.Location != "" {
		http.Redirect(w, v.request, what.Location, http.StatusFound)
		return nil
	}
	return v.refuse(w)
}

var errUndetermined = errors.New("whether the user is signed in could not be found out")
