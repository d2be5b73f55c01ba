package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/diagnosis"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// unauthenticated answers a request that nobody is signed in with.
func (x *exchange) unauthenticated(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(x.Rules, x.request)
	if err != nil {
		return err
	}
	answer := rule.AnswerTo(x.request, x.repl)
	if answer.Pass {
		return x.passOn(w, identity.Nobody)
	}
	x.count()
	x.before()
	x.setReason()
	x.clearOnRefusal(w.Header())
	if answer.Location != "" {
		http.Redirect(w, x.request, answer.Location, http.StatusFound)
		return nil
	}
	return x.refuse(w)
}

// couldNotTell answers a request where neither yes nor no could be found out: never with 401, which would sign the user
// out. What needs no identity goes on.
func (x *exchange) couldNotTell(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(x.Rules, x.request)
	if err != nil {
		return err
	}
	if rule.AnswerTo(x.request, x.repl).Pass {
		x.settlement.KeepToken()
		return x.passOn(w, identity.Nobody)
	}
	return x.unavailable(w)
}

// Refuse answers a request that went on without an identity where a later module wants one: by the first rule that does not
// let it pass.
func (x *exchange) Refuse(w http.ResponseWriter, r *http.Request) error {
	if x.decision.Undetermined {
		return x.answerUnavailable(w)
	}
	location, err := x.SignInAt(r)
	if err != nil {
		return err
	}
	if location != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, location, http.StatusFound) // which settles the token cookie as every response does
		return nil
	}
	x.clearOnRefusal(w.Header())
	return x.refuse(w)
}

// SignInAt returns where the first rule that does not let the request pass sends it to, or nothing.
func (x *exchange) SignInAt(r *http.Request) (string, error) {
	closed := slices.DeleteFunc(slices.Clone(x.Rules), func(rule *refusal.Rule) bool { return rule.Action == refusal.Pass })
	rule, err := refusal.RuleFor(closed, r)
	if err != nil {
		return "", err
	}
	return rule.AnswerTo(r, x.repl).Location, nil
}

// refuse answers 401. The precise reason is for the log and the placeholder, not for the client.
func (x *exchange) refuse(w http.ResponseWriter) error {
	defer x.hideRefused()
	x.noteRefused()
	realm, reason := x.arrival.Realm, x.outcome.Reason
	w.Header().Add("Www-Authenticate", challenge(realm, x.hasToken(), reason)) // as net/http spells it
	if check := x.Policy.Logger.Check(zap.DebugLevel, "request refused"); check != nil {
		check.Write(zap.String("realm", realm), zap.String("reason", string(reason)))
	}
	return caddyhttp.Error(http.StatusUnauthorized, notSignedInError(reason))
}

// noteRefused notes a page that is refused, while it may be that nobody can sign in.
func (x *exchange) noteRefused() {
	core := x.outcome.Core
	if p := x.Policy; core != nil && p.Findings.WantsRefusals() && diagnosis.IsNavigation(x.request) && !x.hasToken() {
		p.NoteRefused(core.Ledger, x.arrival.Realm, x.request.URL.Path, x.isClosed())
	}
}

// isClosed reports whether no page at all is open to users who are not signed in, though it is by the application alone that
// they sign in.
func (x *exchange) isClosed() bool {
	p := x.Policy
	return p.App.Names().IsClosed() && x.Sources.Asker != nil && len(x.Sources.Places) == 0 && !p.AcceptBearer && p.App.Names().StartOf(x.arrival.Realm) == "" &&
		!slices.ContainsFunc(x.Rules, func(rule *refusal.Rule) bool { return rule.Action != refusal.Deny })
}

// hasToken reports whether a token came in any place, of whatever worth. A cookie of another realm is as if it had not come;
// who sends a token in Authorization is told that it does not do, whoever's it is.
func (x *exchange) hasToken() bool {
	found := &x.outcome
	hasOther := found.HasBearer() || found.Access.State != validator.AccessAbsent
	if found.Token.State == validator.TokenForeign {
		return hasOther
	}
	return hasOther || found.Sent || found.Token.Reason != ""
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

var errUndetermined = errors.New("whether the user is signed in could not be found out")

// unavailable answers 503: neither yes nor no.
func (x *exchange) unavailable(w http.ResponseWriter) error {
	x.count()
	x.before()
	return x.answerUnavailable(w)
}

func (x *exchange) answerUnavailable(w http.ResponseWriter) error {
	defer x.hideRefused()
	x.setReason()
	x.clearOnRefusal(w.Header())
	w.Header().Set("Retry-After", refusal.RetryAfter)
	return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("%w: %s", errUndetermined, x.outcome.Reason))
}

// before is what counts before the request is refused. What follows an earlier handler went that way already.
func (x *exchange) before() {
	if !x.follows {
		x.settlement.Before()
	}
}

// clearOnRefusal clears the token on an answer of our own, which no cache may store.
func (x *exchange) clearOnRefusal(header http.Header) {
	if x.follows {
		header.Set("Cache-Control", "no-store")
		return
	}
	x.settlement.Refuse(header)
}

func (x *exchange) setReason() {
	if x.outcome.Reason != "" {
		x.arrival.Journey.Shown.SetReason(string(x.outcome.Reason))
	}
}

// count counts the request once, by what it came to, and writes that into its span and into one of the decision.
func (x *exchange) count() {
	via, reason := x.decision.Identity.Via, x.outcome.Reason
	if via == "" {
		via = identity.ViaNone
	}
	x.requests.With(x.Policy.Site.ModeName, via, reason).Inc()
	if !x.follows && x.arrival.Traced == nil {
		return // nobody traces
	}
	span := telemetry.Recording(x.request.Context())
	if span == nil {
		return
	}
	attributes := []attribute.KeyValue{
		attribute.String("jwt_session.realm", x.arrival.Realm),
		attribute.String("jwt_session.mode", x.Policy.Site.ModeName),
		attribute.String("jwt_session.via", via),
	}
	if reason != "" {
		attributes = append(attributes, attribute.String("jwt_session.reason", string(reason)))
	}
	span.SetAttributes(attributes...)
	if !x.follows {
		telemetry.AddSpan(span, telemetry.DecisionSpan, *x.arrival.Traced, attributes)
	}
}
