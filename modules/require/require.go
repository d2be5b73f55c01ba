package require

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	caddy.RegisterModule(new(Require))
}

// Require lets only those users pass whose attribute holds certain values. It stands behind a `jwt_session` handler, and
// takes the identity that the last one gave the request.
//
// A user who lacks a value gets 403. A request that nobody is signed in with gets 401, or is redirected where
// `unauthenticated` says so; a `pass` there does not open it. Where it could not be told whether somebody is signed in, the
// answer is 503. A route without a `jwt_session` handler before this one answers 500.
//
// What an attribute holds is what the application said when the session was last confirmed. Let `whoami` read the
// attribute: a token that was minted without it is then asked about anew.
type Require struct {
	// The requests that must hold the values. A path counts in every spelling that a server could take for it, with path
	// parameters, escapes, dot segments or doubled slashes, and with a final slash or without. A matcher of the route does
	// not do that; so the directive's matcher stands here. Default: all that come by.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// The name of the attribute. Required.
	Attribute string `json:"attribute,omitempty"`

	// What it must hold, all of it. An attribute that is a list holds its elements. One that is a text holds that text as a
	// whole and nothing else, however many words it has; to make a list of it, use `list` where `whoami` reads it. The claims
	// `scope` and `scp` of an identity provider are lists already. Required.
	Values []string `json:"values,omitempty"`

	app      *app.App
	logger   *zap.Logger
	matchers pathmatch.Sets
}

// CaddyModule returns the Caddy module information.
func (*Require) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_require",
		New: func() caddy.Module { return new(Require) },
	}
}

// Provision makes the requirement known to the app, which says at start if nothing reads the attribute.
func (q *Require) Provision(ctx caddy.Context) error {
	q.logger = ctx.Logger()
	if len(q.MatcherSetsRaw) > 0 {
		sets, err := ctx.LoadModule(q, "MatcherSetsRaw")
		if err != nil {
			return err
		}
		if q.matchers, err = pathmatch.New(sets); err != nil {
			return err
		}
	}
	var err error
	if q.app, err = app.Of(ctx); err != nil {
		return err
	}
	q.app.Names().Require(q.Attribute)
	return nil
}

// Validate checks the finished configuration.
func (q *Require) Validate() error {
	if err := identity.CheckAttributeName(q.Attribute); err != nil {
		return fmt.Errorf("jwt_session_require: %w", err)
	}
	if len(q.Values) == 0 {
		return fmt.Errorf("jwt_session_require %s: want at least one value", q.Attribute)
	}
	for i, value := range q.Values {
		switch {
		case strings.Trim(value, " ") == "":
			return fmt.Errorf("jwt_session_require %s: a value is empty", q.Attribute)
		case strings.Contains(value, "{"):
			return fmt.Errorf("jwt_session_require %s %s: values are fixed; placeholders do not work here", q.Attribute, value)
		case slices.Contains(q.Values[:i], value):
			return fmt.Errorf("jwt_session_require %s: the value %s is given twice", q.Attribute, value)
		}
	}
	return nil
}

var (
	errNoHandler    = errors.New("jwt_session_require: there is no jwt_session before it in this route")
	errInsufficient = errors.New("the user lacks a required value")
)

// ServeHTTP passes on what may pass.
func (q *Require) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if matches, err := q.matchers.Any(r); err != nil || !matches {
		if err != nil {
			return err
		}
		return next.ServeHTTP(w, r)
	}
	way := journey.Of(q.app.Names(), r)
	switch {
	case whoami.IsSubrequest(r.Context()):
		return next.ServeHTTP(w, r) // our own question: who it is about is not known before it is answered
	case way.Preflight:
		return next.ServeHTTP(w, r) // what follows it must hold the values
	case way.Decision() == nil:
		return caddyhttp.Error(http.StatusInternalServerError, errNoHandler)
	}
	decision := way.Decision()
	switch {
	case decision.Identity.User == "":
		return decision.Refuser.Refuse(w, r)
	case !decision.Identity.Attributes[q.Attribute].HasAll(q.Values):
		way.Shown.SetReason(string(validator.InsufficientScope))
		return q.forbid(w, decision.Realm)
	}
	return next.ServeHTTP(w, r)
}

// forbid answers 403 (RFC 6750 section 3.1). What is lacking is for the log, not for the client.
func (q *Require) forbid(w http.ResponseWriter, realm string) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(
		`Bearer realm=%q, error="insufficient_scope", error_description="the user may not do this"`, realm))
	if check := q.logger.Check(zap.DebugLevel, "request refused"); check != nil {
		check.Write(zap.String("realm", realm), zap.String("reason", string(validator.InsufficientScope)),
			zap.String("attribute", q.Attribute), zap.Strings("values", q.Values))
	}
	return caddyhttp.Error(http.StatusForbidden, fmt.Errorf("%w of %s", errInsufficient, q.Attribute))
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Require)(nil)
	_ caddy.Validator             = (*Require)(nil)
	_ caddyhttp.MiddlewareHandler = (*Require)(nil)
)
