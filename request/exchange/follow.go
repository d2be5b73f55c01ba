package exchange

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/access"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// follow is the way of a request that was decided for this realm before: this handler only adds what its own route wants.
func (t *Route) follow(
	w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, repl *caddy.Replacer,
	way *journey.Journey, others *exchanges, earlier *exchange,
) error {
	if more := AsksForMore(earlier.Route, t); len(more) > 0 {
		return caddyhttp.Error(http.StatusInternalServerError, moreAskedError(earlier.Route, t, more))
	}
	x := &exchange{Route: t, request: r, next: next, repl: repl, follows: true, decision: earlier.decision}
	x.arrival.Journey, x.arrival.Request, x.arrival.Realm = way, r, earlier.arrival.Realm
	x.arrival.Now, x.arrival.Secure = earlier.arrival.Now, earlier.arrival.Secure
	x.outcome.Core, x.outcome.Reason, x.outcome.Access = earlier.outcome.Core, earlier.outcome.Reason, earlier.outcome.Access
	x.outcome.Bearer = validator.TokenCredential{Presence: validator.Absent}
	x.decision.Refuser = x
	way.Decide(&x.decision)
	t.hideAliases(r, others) // handlers in between may have changed the request
	if x.outcome.Core != nil {
		x.outcome.Bearer = outcome.TakeBearer(t.Policy, x.outcome.Core, &x.arrival)
	}
	switch who := x.decision.Identity; {
	case who.User != "":
		t.Policy.Site.Identity.Set(r, who)
		way.Shown.SetUser(who)
		x.forward()
		return next.ServeHTTP(t.Listener.Hide(w), r)
	case x.decision.Undetermined:
		return x.couldNotTell(w)
	default:
		return x.unauthenticated(w)
	}
}

// Demands is what a handler's configuration asks for by itself. What it leaves out it does not ask for, whatever the
// default: a later handler of the realm may stand there only for its rules of `unauthenticated`.
type Demands struct {
	Mode, Cookies, Lifetime, IdleTimeout, MaxAge bool

	// ForgetOn is that option as JSON. It is empty if it is not configured.
	ForgetOn string
}

// AsksForMore returns what a later handler of a realm asks for beyond what the request was decided by. There it would be
// without effect. Nothing: the decision is good for both.
func AsksForMore(decided, later *Route) []string {
	var more []string
	asked, asks := decided.Policy.Site, later.Policy.Site
	if later.Demands.Mode && strictness(asks.Mode) > strictness(asked.Mode) {
		more = append(more, "mode "+asks.ModeName)
	}
	if later.Demands.Cookies && !slices.Equal(asks.Session.Cookies.Names(), asked.Session.Cookies.Names()) {
		more = append(more, "session_cookie")
	}
	more = append(more, asks.Session.ID.StricterThan(asked.Session.ID)...)
	for _, name := range asks.Needs {
		if !decided.asksFor(name) {
			more = append(more, "attribute "+name)
		}
	}
	for _, limit := range []struct {
		name           string
		asked          bool
		later, decided time.Duration
	}{
		{"token_lifetime", later.Demands.Lifetime, asks.Token.Lifetime, asked.Token.Lifetime},
		{"session_idle_timeout", later.Demands.IdleTimeout, asks.Session.IdleTimeout, asked.Session.IdleTimeout},
		{"session_max_age", later.Demands.MaxAge, asks.Session.MaxAge, asked.Session.MaxAge},
	} {
		if limit.asked && limit.later < limit.decided {
			more = append(more, fmt.Sprintf("%s %s", limit.name, limit.later))
		}
	}
	if asks.Token.Encrypt && !asked.Token.Encrypt && strictness(asked.Mode) < strictness(validator.Stateful) {
		more = append(more, "token_encrypt")
	}
	if later.Demands.ForgetOn != "" && later.Demands.ForgetOn != decided.Demands.ForgetOn {
		more = append(more, "forget_on")
	}
	return more
}

// strictness orders the modes by what they look at. Stateless needs a token alone, mixed its session beside it, and the
// others look every session up.
func strictness(mode validator.Mode) int {
	switch mode {
	case validator.Stateless:
		return 0
	case validator.Mixed:
		return 1
	default:
		return 2
	}
}

// asksFor reports whether the handler asks somebody for the attribute.
func (t *Route) asksFor(attribute string) bool {
	return slices.Contains(t.Policy.Site.Needs, attribute) || slices.ContainsFunc(t.Sources.Places, func(one access.Place) bool {
		_, reads := one.Rules.Attributes[attribute]
		return reads
	})
}

// moreAskedError names both handlers. It is for the log: who configured them finds them by realm and mode.
func moreAskedError(decided, later *Route, more []string) error {
	asked, asks := decided.Policy.Site, later.Policy.Site
	return fmt.Errorf("jwt_session %s with mode %s asks for %s, but jwt_session %s with mode %s stands before it in the route and "+
		"has decided: write this into the first one, or keep the two on different routes",
		asks.Realm, asks.ModeName, strings.Join(more, ", "), asked.Realm, asked.ModeName)
}
