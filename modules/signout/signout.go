package signout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(new(SignOut))
}

// SignOut ends the sessions of users whom their identity provider signs out, those that the application opened itself included.
//
// It answers POST requests of the provider: logout tokens (OpenID Connect Back-Channel Logout 1.0), security events
// (`session-revoked`, `credential-change` and `account-disabled` of the Shared Signals Framework, by push or by poll), and
// requests to revoke all tokens of a user (Global Token Revocation). All are verified with the provider's keys. Open event
// streams of the user are closed at once.
//
// A logout token with a `sid` ends the session that `jwt_session_callback` opened with it. Sessions that were not opened with a
// known `sid` can't be told apart and end with it; sessions of the user with another `sid` go on. Without a `sid` all sessions
// of the user in the realm end. The user may sign in again.
//
// The same statement counts in each realm whose `jwt_session_signout` accepts it, whichever of them it is sent to. One that is
// about nobody who is known here is counted and logged.
type SignOut struct {
	// The name of the realm whose sessions end; it has no placeholders. Required.
	Realm string `json:"realm"`

	// The provider's name, exactly as its tokens have it in the claim `iss`. Required.
	Issuer string `json:"issuer"`

	// Where the provider's keys are. Default: where the document below `/.well-known/openid-configuration` of the issuer says.
	KeysURL string `json:"jwks_url,omitempty"`

	// The name that the provider knows this gateway by, which logout tokens must be for. Placeholders such as
	// `{env.OIDC_CLIENT}` work. Without it, no logout token is accepted.
	ClientID string `json:"client_id,omitempty"`

	// Whom security events and requests to revoke must be for: their claim `aud` must name one of these. For requests to revoke
	// that is often the address that they are sent to. Default: the client id.
	Audiences []string `json:"audiences,omitempty"`

	// Whom the provider means: which of its claims is the user id, or an attribute, of the realm's users. All of them count.
	// Default: the claim `sub` is the user id.
	Maps []Mapping `json:"map,omitempty"`

	// The path that is answered. Default: every request that comes to the handler. In a Caddyfile without a matcher:
	// `/auth/signout`.
	Path string `json:"path,omitempty"`

	// What the header `Authorization` of a pushed security event must be. Placeholders such as `{env.SSF_TOKEN}` work. Default:
	// any; the signature of the event counts all the same.
	PushAuthorization string `json:"push_authorization,omitempty"`

	// The streams that are polled for security events.
	Polls []Poll `json:"poll,omitempty"`

	// How far the provider's clock may differ. Default: `30s`.
	Leeway caddy.Duration `json:"leeway,omitempty"`

	app    *app.App
	logger *zap.Logger
	expanded
	group    *group
	warnings telemetry.Warnings
}

// expanded holds options whose placeholders are filled in.
type expanded struct {
	clientID  string
	audiences []string
	push      string
	streams   []Poll
}

// Mapping says which of the realm's users a claim of the provider names.
type Mapping struct {
	// The claim, such as `sub` or `email`. A subject identifier of the format `opaque` stands for `sub`. Required.
	Claim string `json:"claim"`

	// The attribute of the realm's users that holds the value of the claim, as text or in a list. All records of the realm are
	// read to find them. Let `whoami` read the attribute. Default: the value is the user id.
	Attribute string `json:"attribute,omitempty"`
}

// Poll is a stream of security events that is polled (RFC 8936).
type Poll struct {
	// The address, https or http on loopback. Required.
	URL string `json:"url"`

	// The header `Authorization` that is sent. Placeholders such as `Bearer {env.SSF_TOKEN}` work. Default: none.
	Authorization string `json:"authorization,omitempty"`

	// How long to wait after an answer without events. Default: `10s`.
	Interval caddy.Duration `json:"interval,omitempty"`
}

const (
	defaultPath     = "/auth/signout"
	defaultClaim    = "sub"
	defaultInterval = caddy.Duration(10 * time.Second)
	maxLeeway       = caddy.Duration(5 * time.Minute)
	claimEmail      = "email"
)

// CaddyModule returns the Caddy module information.
func (*SignOut) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_signout",
		New: func() caddy.Module { return new(SignOut) },
	}
}

// Provision sets the defaults. It asks nobody.
func (s *SignOut) Provision(ctx caddy.Context) error {
	s.logger = ctx.Logger()
	option.SetDefault(&s.Leeway, caddy.Duration(issuer.DefaultLeeway))
	if len(s.Maps) == 0 {
		s.Maps = []Mapping{{Claim: defaultClaim}}
	}
	for i := range s.Polls {
		option.SetDefault(&s.Polls[i].Interval, defaultInterval)
	}
	if err := s.expand(); err != nil {
		return s.named(err)
	}
	var err error
	if s.app, err = app.Of(ctx); err != nil {
		return err
	}
	s.group, err = app.Shared(s.app, "signout", func() (*group, error) { return newGroup(s.app), nil })
	if err != nil {
		return err
	}
	s.group.blocks = append(s.group.blocks, s)
	s.app.OnStart(s.open)
	return nil
}

// expand fills in the placeholders.
func (s *SignOut) expand() error {
	var err error
	if s.clientID, err = option.Expanded(s.ClientID); err != nil {
		return fmt.Errorf("client_id: %w", err)
	}
	if s.ClientID != "" && s.clientID == "" {
		return errors.New("client_id: it is empty")
	}
	if s.push, err = option.Expanded(s.PushAuthorization); err != nil {
		return fmt.Errorf("push_authorization: %w", err)
	}
	if s.PushAuthorization != "" && s.push == "" {
		return errors.New("push_authorization: it is empty")
	}
	for _, audience := range s.Audiences {
		if audience, err = option.Expanded(audience); err != nil {
			return fmt.Errorf("audience: %w", err)
		}
		s.audiences = append(s.audiences, audience)
	}
	for _, poll := range s.Polls {
		if poll.Authorization, err = option.Expanded(poll.Authorization); err != nil {
			return fmt.Errorf("poll %s: authorization: %w", poll.URL, err)
		}
		s.streams = append(s.streams, poll)
	}
	if len(s.Audiences) == 0 && s.clientID != "" {
		s.audiences = []string{s.clientID}
	}
	return nil
}

func (s *SignOut) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("jwt_session_signout %s: %w", s.Realm, err)
}

// Validate checks the finished configuration.
func (s *SignOut) Validate() error {
	if s.clientID == "" && len(s.audiences) == 0 {
		return s.named(errNobody)
	}
	if err := s.check(); err != nil {
		return s.named(err)
	}
	if s.app.Names().Lacks(s.Realm) {
		return s.named(s.noSite())
	}
	return s.named(s.group.checkPolls(s))
}

var errNobody = errors.New("client_id: want the name that the provider knows this gateway by, or with audience whom its " +
	"security events are for; without that those of every other service of the provider would count here")

// check looks at the options as they are written.
func (s *SignOut) check() error {
	if !realm.IsText(s.Realm) {
		return fmt.Errorf("the realm %q must be letters, digits, _ and -", s.Realm)
	}
	if err := issuer.CheckIssuer(s.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if s.KeysURL != "" {
		if err := issuer.CheckAddress(s.KeysURL); err != nil {
			return fmt.Errorf("jwks_url: %w", err)
		}
	}
	switch {
	case s.ClientID == "" && len(s.Audiences) == 0:
		return errNobody
	case slices.Contains(s.Audiences, ""):
		return errors.New("audience: it is empty")
	case s.Leeway < 0 || s.Leeway > maxLeeway:
		return fmt.Errorf("leeway must be more than 0, and %s at most", time.Duration(maxLeeway))
	case s.Path != "" && (!refusal.IsLocalURI(s.Path) || strings.ContainsAny(s.Path, "?#")):
		return fmt.Errorf("path %q: want a path on this site that begins with /", s.Path)
	}
	if err := s.checkMaps(); err != nil {
		return err
	}
	return s.checkPolls()
}

func (s *SignOut) checkMaps() error {
	for i, mapping := range s.Maps {
		if mapping.Claim == "" {
			return errors.New("map: want the name of a claim, such as sub or email")
		}
		if mapping.Attribute != "" {
			if err := identity.CheckAttributeName(mapping.Attribute); err != nil {
				return fmt.Errorf("map %s: %w", mapping.Claim, err)
			}
		}
		if slices.Contains(s.Maps[:i], mapping) {
			return fmt.Errorf("map %s is given twice with the same target", mapping.Claim)
		}
	}
	return nil
}

func (s *SignOut) checkPolls() error {
	for i, poll := range s.Polls {
		if err := issuer.CheckAddress(poll.URL); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		if poll.Interval < 0 {
			return fmt.Errorf("poll %s: interval: want more than 0", poll.URL)
		}
		if slices.ContainsFunc(s.Polls[:i], func(other Poll) bool { return other.URL == poll.URL }) {
			return fmt.Errorf("poll %s is given twice", poll.URL)
		}
	}
	return nil
}

// open makes sure that there are sessions to end, begins to ask the provider for its keys, and to poll.
func (s *SignOut) open() error {
	names := s.app.Names()
	if names.SiteOf(s.Realm) == nil {
		return s.named(s.noSite())
	}
	for _, mapping := range s.Maps {
		if mapping.Attribute != "" && !names.IsLearned(mapping.Attribute, s.Realm) {
			s.logger.Warn("map: neither whoami nor a jwt_session_callback of the realm reads the attribute, so sessions have it "+
				"only if they are added with it", zap.String("realm", s.Realm), zap.String("attribute", mapping.Attribute))
		}
	}
	if _, err := s.app.Provider(s.options()); err != nil {
		return s.named(err)
	}
	for _, stream := range s.streams {
		if err := s.group.poll(s, stream); err != nil {
			return s.named(err)
		}
	}
	return nil
}

func (s *SignOut) noSite() error {
	return fmt.Errorf("there is no jwt_session handler of the realm %s, so that there are no sessions to end%s",
		s.Realm, s.app.Names().OtherSpelling(s.Realm))
}

// opensSessions reports whether the gateway opens sessions of the realm itself, with the provider's session.
func (s *SignOut) opensSessions() bool {
	return slices.ContainsFunc(s.app.Names().SignIns(), func(one app.SignInNames) bool { return one.Realm == s.Realm })
}

func (s *SignOut) options() issuer.Options {
	return issuer.Options{
		Issuer: s.Issuer, KeysURL: s.KeysURL, RefreshMin: issuer.DefaultRefreshMin, StaleMax: issuer.DefaultStaleMax,
	}
}

// warn writes a warning, once a minute at most.
func (s *SignOut) warn(message string, fields ...zap.Field) {
	if s.warnings.Due(message, s.app.Now()) {
		s.logger.Warn(message, append(fields, zap.String("realm", s.Realm))...)
	}
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*SignOut)(nil)
	_ caddy.Validator             = (*SignOut)(nil)
	_ caddyhttp.MiddlewareHandler = (*SignOut)(nil)
)
