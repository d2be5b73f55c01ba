package jwtsession

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// demands are what a handler's configuration asks for by itself. What it leaves out it does not ask for, whatever the default:
// a later handler of the realm may stand there only for its rules of `unauthenticated`.
type demands struct {
	mode        bool
	cookies     bool
	lifetime    bool
	idleTimeout bool
	maxAge      bool
	forgetOn    string // as JSON
}

// demandsOf returns what the configuration asks for, before the defaults hide what was left out.
func demandsOf(h *Handler) demands {
	asked := demands{
		mode: h.Mode != "", cookies: len(h.SessionCookies) > 0, lifetime: h.TokenLifetime != 0,
		idleTimeout: h.SessionIdleTimeout != 0, maxAge: h.SessionMaxAge != 0,
	}
	if len(h.ForgetOnRaw) > 0 {
		text, _ := json.Marshal(h.ForgetOnRaw) // it was JSON
		asked.forgetOn = string(text)
	}
	return asked
}

// asksForMore returns what a later handler of a realm asks for beyond what the request was decided by. There it would be
// without effect. Nothing: the decision is good for both.
func asksForMore(decided, later *Handler) []string {
	var more []string
	if later.demands.mode && strictness(later.mode) > strictness(decided.mode) {
		more = append(more, "mode "+later.Mode)
	}
	if later.demands.cookies && !slices.Equal(later.SessionCookies, decided.SessionCookies) {
		more = append(more, "session_cookie")
	}
	more = append(more, later.SessionID.StricterThan(decided.SessionID)...)
	for _, name := range later.needs {
		if !decided.asksFor(name) {
			more = append(more, "attribute "+name)
		}
	}
	for _, limit := range []struct {
		name           string
		asked          bool
		later, decided caddy.Duration
	}{
		{"token_lifetime", later.demands.lifetime, later.TokenLifetime, decided.TokenLifetime},
		{"session_idle_timeout", later.demands.idleTimeout, later.SessionIdleTimeout, decided.SessionIdleTimeout},
		{"session_max_age", later.demands.maxAge, later.SessionMaxAge, decided.SessionMaxAge},
	} {
		if limit.asked && limit.later < limit.decided {
			more = append(more, fmt.Sprintf("%s %s", limit.name, time.Duration(limit.later)))
		}
	}
	if later.TokenEncrypt && !decided.TokenEncrypt && strictness(decided.mode) < strictness(validator.Stateful) {
		more = append(more, "token_encrypt")
	}
	if later.demands.forgetOn != "" && later.demands.forgetOn != decided.demands.forgetOn {
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
func (h *Handler) asksFor(attribute string) bool {
	return slices.Contains(h.needs, attribute) || slices.ContainsFunc(h.Issuers, func(one *Issuer) bool {
		_, reads := one.Attributes[attribute]
		return reads
	})
}

// moreAskedError names both handlers. It is for the log: who configured them finds them by realm and mode.
func moreAskedError(decided, later *Handler, more []string) error {
	return fmt.Errorf("jwt_session %s with mode %s asks for %s, but jwt_session %s with mode %s stands before it in the route and "+
		"has decided: write this into the first one, or keep the two on different routes",
		later.Realm, later.Mode, strings.Join(more, ", "), decided.Realm, decided.Mode)
}
