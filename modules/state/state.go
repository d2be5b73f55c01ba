package state

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	caddy.RegisterModule(new(State))
}

// State keeps a piece of the application's state in the browser, such as a shopping cart: JSON, signed by the gateway. It
// stands behind a `jwt_session` handler, and takes realm and user from the last one.
//
// The application receives the JSON in a request header, and changes it by a response header. The cookie between is a JWT
// that pages can read and only the gateway can write. It counts in its realm and under its name alone; one that was signed
// for a user counts for him alone, one that was signed while nobody was signed in also for the user who signs in then. A
// cookie that is missing, altered, expired or another's reaches the application as no header at all: an empty cart, no error.
//
// A state is no secret, and an old one can be put back as long as it has not expired. It is not set by responses with an
// error, by those that a shared cache may store, nor while it can't be told who is signed in; the one before stays.
//
// A route without a `jwt_session` handler before this one answers 500.
type State struct {
	// The name of the cookie. Pages read it, so it is not `HttpOnly`. Required.
	Cookie string `json:"cookie,omitempty"`

	// The request header that brings the application the JSON. Those of clients are removed, in every spelling that a
	// server could take for it. Required.
	RequestHeader string `json:"request_header,omitempty"`

	// The response header by which the application sends new JSON: one object, which must have no member with the name of
	// a claim. It is removed from the response. Required.
	ResponseHeader string `json:"response_header,omitempty"`

	// How long a state lasts after the application sent it. Whole seconds. Default: `1h`.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	app      *app.App
	logger   *zap.Logger
	incoming identity.Headers // what is removed from requests
	warnings telemetry.Warnings
}

const defaultStateMaxAge = caddy.Duration(time.Hour)

// CaddyModule returns the Caddy module information.
func (*State) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_state",
		New: func() caddy.Module { return new(State) },
	}
}

// Provision sets the default and makes the state known to the app.
func (s *State) Provision(ctx caddy.Context) error {
	s.logger = ctx.Logger()
	option.SetDefault(&s.MaxAge, defaultStateMaxAge)
	s.incoming = identity.Only(s.RequestHeader)
	var err error
	if s.app, err = app.Of(ctx); err != nil {
		return err
	}
	return nil
}

// Validate checks the finished configuration.
func (s *State) Validate() error {
	if err := s.validate(); err != nil {
		return fmt.Errorf("jwt_session_state %s: %w", s.Cookie, err)
	}
	return s.app.Names().AddState(app.StateNames{Cookie: s.Cookie, RequestHeader: s.RequestHeader, MaxAge: time.Duration(s.MaxAge)})
}

func (s *State) validate() error {
	if err := s.validateCookie(); err != nil {
		return err
	}
	for _, header := range []struct{ option, name string }{
		{"request_header", s.RequestHeader}, {"response_header", s.ResponseHeader},
	} {
		if header.name == "" {
			return fmt.Errorf("%s: which header?", header.option)
		}
		if err := identity.CheckHeader(header.name); err != nil {
			return fmt.Errorf("%s %w", header.option, err)
		}
	}
	if folded := identity.Fold(s.ResponseHeader); slices.Contains(forbiddenStateHeaders, folded) ||
		strings.HasPrefix(folded, "access-control-") {
		return fmt.Errorf("response_header %s: this header has a meaning of its own; choose another name", s.ResponseHeader)
	}
	if age := time.Duration(s.MaxAge); age <= 0 || age%time.Second != 0 {
		return fmt.Errorf("max_age %s: want whole seconds, at least one", age)
	} else if age > longestCookie {
		return fmt.Errorf("max_age %s: browsers keep a cookie for 400 days at most", age)
	}
	return s.app.CheckOldKeys("max_age", time.Duration(s.MaxAge))
}

// longestCookie is how long browsers keep a cookie at most (RFC 6265bis section 5.5).
const longestCookie = 400 * 24 * time.Hour

// forbiddenStateHeaders have a meaning of their own on the way to the client, besides those that have one on the way
// upstream.
var forbiddenStateHeaders = []string{
	"age", "allow", "alt-svc", "cache-control", "cdn-cache-control", "date", "etag", "expires", "last-modified", "link",
	"location", "pragma", "refresh", "retry-after", "server", "strict-transport-security", "surrogate-control", "vary",
	"www-authenticate",
}

func (s *State) validateCookie() error {
	if err := s.cookie("", true).Valid(); err != nil {
		return fmt.Errorf("checking the name of the cookie: %w", err)
	}
	lower := strings.ToLower(s.Cookie)
	if strings.HasPrefix(lower, "__http-") || strings.HasPrefix(lower, "__host-http-") {
		return errors.New("pages read the cookie, and browsers take one with this prefix only if they can't")
	}
	return nil
}

var errStateWithoutHandler = errors.New("jwt_session_state: there is no jwt_session before it in this route")

// ServeHTTP hands the state to the application, and takes the new one from its response.
func (s *State) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	way := journey.Of(s.app.Names(), r)
	s.incoming.Strip(r)
	journey.SetLines(r.Header, "Cookie", validator.DropCookies(r.Header["Cookie"], func(name string) bool { return name == s.Cookie }))
	switch {
	case whoami.IsSubrequest(r.Context()):
		return next.ServeHTTP(w, r)
	case way.Decision() == nil && !way.Preflight:
		return caddyhttp.Error(http.StatusInternalServerError, errStateWithoutHandler)
	}
	decision := way.Decision()
	if !way.Preflight {
		if object, ok := s.read(r.Context(), decision, way.Cookies); ok {
			r.Header.Set(s.RequestHeader, object)
		}
	}
	writer := &stateWriter{header: s.ResponseHeader}
	writer.Writer = response.NewWriter(w, func(status int) {
		if object, ok := s.take(w.Header()); ok && !way.Preflight {
			s.settle(status, w.Header(), decision, object)
		}
	})
	err := next.ServeHTTP(writer, r)
	response.DropTrailer(w.Header(), s.ResponseHeader) // after an error too: the response will be none of the application's
	if err != nil {
		return err
	}
	writer.Begin(http.StatusOK)
	return nil
}

// read returns the state that came with the request, if it counts.
func (s *State) read(ctx context.Context, decision *journey.Decision, lines []string) (string, bool) {
	cookies, err := validator.ScanCookies(lines)
	if decision.Core == nil || err != nil {
		return "", false
	}
	token := validator.ReadToken(cookies, s.Cookie)
	object, reason := s.verify(decision, token)
	if reason == validator.TokenUnknownKey && decision.Core.RereadKeys(ctx) {
		object, reason = s.verify(decision, token) // another gateway may have changed the keys
	}
	if check := s.logger.Check(zap.DebugLevel, "state passed over"); check != nil && reason != "" && reason != validator.NoCredentials {
		check.Write(zap.String("realm", decision.Realm), zap.String("cookie", s.Cookie), zap.String("reason", string(reason)))
	}
	return object, reason == ""
}

func (s *State) verify(decision *journey.Decision, token validator.TokenCredential) (string, validator.Reason) {
	return decision.Core.Keys.Current().ReadState(s.binding(decision), token, time.Duration(s.MaxAge), s.app.Now())
}

func (s *State) binding(decision *journey.Decision) validator.StateBinding {
	return validator.StateBinding{Realm: decision.Realm, Cookie: s.Cookie, User: decision.Identity.User}
}

// take takes the application's new state from its response, if there is one.
func (s *State) take(header http.Header) (string, bool) {
	lines := header.Values(s.ResponseHeader)
	header.Del(s.ResponseHeader)
	response.Unannounce(header, s.ResponseHeader)
	if len(lines) > 1 {
		s.warn("the application sent several states in one response; none is set")
	}
	return strings.Join(lines, ""), len(lines) == 1
}

// settle sets the cookie with the application's new state.
func (s *State) settle(status int, header http.Header, decision *journey.Decision, object string) {
	now := s.app.Now()
	switch {
	case decision.Core == nil || decision.Undetermined:
		s.warn("a new state is not set, since it can't be told who is signed in")
		return
	case !caching.MayCarry(status, header, now):
		s.warn("a new state is not set: the response is an error, or a shared cache may store it", zap.Int("status", status))
		return
	case cookie.Sets(header["Set-Cookie"], s.Cookie):
		s.warn("a new state is not set: the application sets a cookie of its name itself")
		return
	}
	token, err := decision.Core.Keys.Current().SignState(s.binding(decision), object, time.Duration(s.MaxAge), now)
	if err != nil {
		s.warn("the application sent a state that can't be set", zap.Error(err))
		return
	}
	line := s.cookie(token, decision.Secure).String()
	if len(line) > carrier.MaxSetCookie {
		s.warn("a new state is too large for a cookie; the one before stays",
			zap.Int("bytes", len(line)), zap.Int("limit", carrier.MaxSetCookie))
		return
	}
	header.Add("Set-Cookie", line)
	caching.KeepPrivate(header)
}

// cookie returns the cookie that holds a state. Names with a prefix go with Secure alone (RFC 6265bis section 4.1.3).
func (s *State) cookie(value string, secure bool) *http.Cookie {
	lower := strings.ToLower(s.Cookie)
	return &http.Cookie{
		Name: s.Cookie, Value: value, Path: "/", MaxAge: int(time.Duration(s.MaxAge) / time.Second), SameSite: http.SameSiteLaxMode,
		Secure: secure || strings.HasPrefix(lower, "__host-") || strings.HasPrefix(lower, "__secure-"),
	}
}

// warn writes a warning about this state, the same one once a minute at most.
func (s *State) warn(message string, fields ...zap.Field) {
	if s.warnings.Due(message, s.app.Now()) {
		s.logger.Warn(message, append(fields, zap.String("cookie", s.Cookie))...)
	}
}

// stateWriter keeps the application's state out of interim responses, too.
type stateWriter struct {
	*response.Writer

	header string
}

// WriteHeader begins the response, if it is the final one.
func (w *stateWriter) WriteHeader(status int) {
	if !response.IsFinal(status) {
		w.Header().Del(w.header)
	}
	w.Writer.WriteHeader(status)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*State)(nil)
	_ caddy.Validator             = (*State)(nil)
	_ caddyhttp.MiddlewareHandler = (*State)(nil)
)
