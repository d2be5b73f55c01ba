package fresh

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	caddy.RegisterModule(new(Fresh))
}

// Fresh lets only those users pass who signed in lately. It stands behind a `jwt_session` handler, and takes the identity
// that the last one gave the request.
//
// A user who signed in too long ago is asked to sign in again. A browser that wants a page is sent to the start of the
// realm's `jwt_session_callback`, which asks the provider for a new sign-in, or to where the realm's `unauthenticated
// redirect` leads. All other requests get 401 with the challenge of RFC 9470. Nothing else changes for the user: the session
// goes on, and other routes do not ask.
//
// A request that nobody is signed in with is answered as by `jwt_session_require`. A route without a `jwt_session` handler
// before this one answers 500.
//
// When a user signed in is known exactly for sessions that a callback opened. For sessions of the application it is when the
// gateway first knew the user in the session, which can be later: after the gateway has forgotten an unused session
// (`session_idle_timeout`), the session counts as new. Let `session_idle_timeout` be no shorter than what the application
// has. An access token of an `issuer` counts by its claim `auth_time`, and never without one.
type Fresh struct {
	// The requests that need a fresh sign-in. A path counts in every spelling that a server could take for it, with path
	// parameters, escapes, dot segments or doubled slashes, and with a final slash or without. A matcher of the route does
	// not do that; so the directive's matcher stands here. Default: all that come by.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// How long ago the user may have signed in. Whole seconds. Required.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	app      *app.App
	logger   *zap.Logger
	matchers pathmatch.Sets
}

// CaddyModule returns the Caddy module information.
func (*Fresh) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_fresh",
		New: func() caddy.Module { return new(Fresh) },
	}
}

// Provision prepares the matchers.
func (f *Fresh) Provision(ctx caddy.Context) error {
	f.logger = ctx.Logger()
	if len(f.MatcherSetsRaw) > 0 {
		sets, err := ctx.LoadModule(f, "MatcherSetsRaw")
		if err != nil {
			return err
		}
		if f.matchers, err = pathmatch.New(sets); err != nil {
			return err
		}
	}
	var err error
	f.app, err = app.Of(ctx)
	return err
}

// Validate checks the finished configuration.
func (f *Fresh) Validate() error {
	if age := time.Duration(f.MaxAge); age <= 0 || age%time.Second != 0 {
		return fmt.Errorf("jwt_session_fresh %s: want whole seconds, at least one, such as 10m", age)
	}
	return nil
}

var (
	errNoHandler = errors.New("jwt_session_fresh: there is no jwt_session before it in this route")
	errTooLong   = errors.New("the user signed in too long ago")
)

// ServeHTTP passes on what may pass.
func (f *Fresh) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if matches, err := f.matchers.Any(r); err != nil || !matches {
		if err != nil {
			return err
		}
		return next.ServeHTTP(w, r)
	}
	way := journey.Of(f.app.Names(), r)
	switch {
	case whoami.IsSubrequest(r.Context()):
		return next.ServeHTTP(w, r) // our own question: who it is about is not known before it is answered
	case way.Preflight:
		return next.ServeHTTP(w, r) // what follows it must be fresh
	case way.Decision() == nil:
		return caddyhttp.Error(http.StatusInternalServerError, errNoHandler)
	}
	decision := way.Decision()
	switch {
	case decision.Identity.User == "":
		return decision.Refuser.Refuse(w, r)
	case !IsFresh(decision.Identity.AuthTime, time.Duration(f.MaxAge), f.app.Now()):
		way.Shown.SetReason(string(validator.InsufficientAuthentication))
		return f.signInAgain(w, r, decision)
	}
	return next.ServeHTTP(w, r)
}

// IsFresh reports whether a user who signed in at the given time, in seconds since 1970, did so no longer ago than maxAge. 0
// stands for a time that is not known. A time that is ahead of now by more than a minute is not believed.
func IsFresh(authTime int64, maxAge time.Duration, now time.Time) bool {
	age := now.Unix() - authTime
	return authTime > 0 && age >= -60 && age <= int64(maxAge/time.Second)
}

// signInAgain sends the browser to sign in, or answers 401 (RFC 9470 section 3).
func (f *Fresh) signInAgain(w http.ResponseWriter, r *http.Request, decision *journey.Decision) error {
	w.Header().Set("Cache-Control", "no-store")
	location, err := f.location(r, decision)
	if err != nil {
		return err
	}
	if location != "" {
		http.Redirect(w, r, location, http.StatusFound)
		return nil
	}
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q, error="insufficient_user_authentication", `+
		`error_description="a more recent sign-in is required", max_age="%d"`, decision.Realm, f.seconds()))
	if check := f.logger.Check(zap.DebugLevel, "request refused"); check != nil {
		check.Write(zap.String("realm", decision.Realm), zap.String("reason", string(validator.InsufficientAuthentication)))
	}
	return caddyhttp.Error(http.StatusUnauthorized, errTooLong)
}

func (f *Fresh) seconds() int64 { return int64(time.Duration(f.MaxAge) / time.Second) }

// location returns where a browser signs in again, or nothing if the request is none for a page or there is no such place.
func (f *Fresh) location(r *http.Request, decision *journey.Decision) (string, error) {
	if !refusal.IsNavigation(r) {
		return "", nil
	}
	if start := f.app.Names().StartOf(decision.Realm); start != "" {
		query := url.Values{"return": {refusal.OwnURI(r)}, "max_age": {strconv.FormatInt(f.seconds(), 10)}}
		return start + "?" + query.Encode(), nil
	}
	return decision.Refuser.SignInAt(r)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Fresh)(nil)
	_ caddy.Validator             = (*Fresh)(nil)
	_ caddyhttp.MiddlewareHandler = (*Fresh)(nil)
)
