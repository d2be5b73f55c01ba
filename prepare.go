package jwtsession

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/access"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/exchange"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The defaults of a handler.
const (
	defaultSessionCookie = "session"
	defaultIdleTimeout   = caddy.Duration(30 * time.Minute)
	defaultMaxAge        = caddy.Duration(24 * time.Hour)
	defaultTokenLifetime = caddy.Duration(time.Minute)
)

func (h *Handler) setDefaults() {
	if h.Mode == "" {
		h.Mode = modeMixed
	}
	if len(h.SessionCookies) == 0 {
		h.SessionCookies = []string{defaultSessionCookie}
	}
	option.SetDefault(&h.SessionMaxAge, defaultMaxAge)
	option.SetDefault(&h.SessionIdleTimeout, min(defaultIdleTimeout, h.SessionMaxAge))
	if h.Mode == modeStateless {
		option.SetDefault(&h.TokenLifetime, h.SessionIdleTimeout)
	}
	option.SetDefault(&h.TokenLifetime, defaultTokenLifetime)
	option.SetDefault(&h.RenewBefore, h.TokenLifetime/2)
	if h.TokenCookie == nil {
		h.TokenCookie = new(carrier.TokenCookie)
	}
	h.TokenCookie.SetDefaults()
	if h.TokenInSessionCookie != nil {
		h.TokenInSessionCookie.SetDefaults()
	}
	if h.Identity == nil {
		h.Identity = new(identity.Options)
	}
}

// The names of the modes.
const (
	modeMixed     = "mixed"
	modeStateful  = "stateful"
	modeStateless = "stateless"
	modeShadow    = "shadow"
)

func parseMode(name string) (validator.Mode, error) {
	switch name {
	case modeMixed:
		return validator.Mixed, nil
	case modeStateful:
		return validator.Stateful, nil
	case modeStateless:
		return validator.Stateless, nil
	case modeShadow:
		return validator.Shadow, nil
	default:
		return 0, fmt.Errorf("mode: %q is not known; want %s, %s, %s or %s",
			name, modeMixed, modeStateful, modeStateless, modeShadow)
	}
}

// share returns the share of the sessions that gets tokens, in percent.
func (h *Handler) share() float64 {
	if h.MixedPercent == nil {
		return 100
	}
	return *h.MixedPercent
}

// The values of the option preflight.
const (
	preflightPass = "pass"
	preflightDeny = "deny"
)

// prepare checks the options and returns what serves requests.
func (h *Handler) prepare(ctx caddy.Context) (*exchange.Route, error) {
	site, err := h.describe()
	if err != nil {
		return nil, err
	}
	p := &policy.Policy{
		Site: site, Share: h.share(), RenewBefore: time.Duration(h.RenewBefore), ConfirmedFor: site.Token.Lifetime,
		TokenIssuer: h.TokenIssuer, RestoreSession: h.RestoreSession, AcceptBearer: h.AcceptBearer,
		Rolling: h.Whoami != nil && h.Whoami.Rolling, KeepStreams: h.KeepStreams, HasForgetOn: len(h.ForgetOnRaw) > 0,
		Logger: ctx.Logger(),
	}
	if h.ForwardToken != nil { // tokens count in whole seconds: in the last one there would be none to make for the services behind
		p.ConfirmedFor -= time.Second
	}
	route := &exchange.Route{
		Policy: p, Aliases: alias.NewNames(h.SessionCookies...), Rules: h.Unauthenticated, CSRF: h.CSRF,
		DenyPreflights: h.Preflight == preflightDeny,
	}
	if h.Whoami != nil {
		if route.Sources.Asker, err = h.Whoami.prepare(ctx, site.Identity); err != nil {
			return nil, fmt.Errorf("whoami: %w", err)
		}
		p.Tells = route.Sources.Asker.Tells
		site.Whoami = h.Whoami.text
	}
	if route.Sources.Places, err = h.preparePlaces(site); err != nil {
		return nil, err
	}
	if route.Listener, err = listenerOf(h.ResponseUser, route.Sources.Asker); err != nil {
		return nil, err
	}
	if route.ForgetOn, err = h.provisionMatchers(ctx); err != nil {
		return nil, err
	}
	if p.App, err = app.Of(ctx); err != nil {
		return nil, err
	}
	if asker := route.Sources.Asker; asker != nil {
		if asker.Queue, err = queueFor(p.App, h.Realm, h.Whoami); err != nil {
			return nil, fmt.Errorf("whoami: %w", err)
		}
	}
	if route.Forward, err = h.ForwardToken.prepare(p.App, h.TokenIssuer); err != nil {
		return nil, err
	}
	p.App.OnStart(func() error { return openProviders(p.App, route.Sources.Places) })
	return route, nil
}

// Trial returns how the handler asks the application, or false if it asks nobody. It is for an operator who tries the questions
// of a configuration that serves nobody.
func (h *Handler) Trial() (question.Trial, bool) {
	trial := question.Trial{Asker: h.route.Sources.Asker, Site: h.route.Policy.Site, Forgets: func(r *http.Request) bool {
		if h.route.ForgetOn.IsEmpty() {
			return false
		}
		matched, err := h.route.ForgetOn.Any(r)
		return matched && err == nil
	}}
	return trial, trial.Asker != nil
}

// describe returns what the handler says of itself to the rest of the configuration.
func (h *Handler) describe() (*app.Site, error) {
	site := &app.Site{
		ModeName: h.Mode,
		Session: app.SiteSession{
			ID: h.SessionID, IdleTimeout: time.Duration(h.SessionIdleTimeout), MaxAge: time.Duration(h.SessionMaxAge),
		},
		Token: app.SiteToken{
			Lifetime: time.Duration(h.TokenLifetime), Cookie: h.TokenCookie, InSessionCookie: h.TokenInSessionCookie,
			Encrypt: h.TokenEncrypt,
		},
		ForwardsToken: h.ForwardToken != nil, NamesUsers: h.ResponseUser != "",
	}
	var err error
	if site.Realm, err = realm.Parse(h.Realm); err != nil {
		return nil, err
	}
	if !site.Realm.Dynamic() {
		h.TokenCookie.Prepare(h.Realm)
	}
	if site.Mode, err = parseMode(h.Mode); err != nil {
		return nil, err
	}
	if h.CSRF != nil {
		if err = h.CSRF.Prepare(); err != nil {
			return nil, err
		}
	}
	if site.Session.Cookies, err = h.prepareSessionCookies(); err != nil {
		return nil, err
	}
	if site.Identity, err = h.Identity.Prepare(); err != nil {
		return nil, err
	}
	site.Needs = neededAttributes(site.Identity, h.Whoami)
	if h.Whoami != nil {
		site.AskedWith = h.Whoami.Cookies
		site.Learns = slices.AppendSeq(site.Learns, maps.Keys(h.Whoami.Attributes))
	}
	for _, one := range h.Issuers {
		site.Learns = slices.AppendSeq(site.Learns, maps.Keys(one.Attributes))
	}
	slices.Sort(site.Learns)
	return site, nil
}

// prepareSessionCookies reads the names of the session cookies and the rules for their values.
func (h *Handler) prepareSessionCookies() (validator.SessionCookies, error) {
	cookies, err := validator.NewSessionCookies(h.SessionCookies...)
	if err != nil {
		return validator.SessionCookies{}, fmt.Errorf("session_cookie: %w", err)
	}
	rules, err := h.SessionID.Rules()
	return cookies.WithRules(rules), err
}

// neededAttributes returns the names of the attributes that the route hands on or asks for.
func neededAttributes(headers identity.Headers, asks *Whoami) []string {
	var names []string
	for _, header := range headers.Headers {
		if header.Attribute != "" {
			names = append(names, header.Attribute)
		}
	}
	if asks != nil {
		names = slices.AppendSeq(names, maps.Keys(asks.Attributes))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// preparePlaces checks each issuer, and that its tokens reach it.
func (h *Handler) preparePlaces(site *app.Site) ([]access.Place, error) {
	var places []access.Place
	for _, one := range h.Issuers {
		if err := one.prepare(); err != nil {
			return nil, fmt.Errorf("issuer %s: %w", option.SafeURL(one.URL), err)
		}
		if header := one.From.Header; header != "" && site.Identity.Owns(header) {
			return nil, fmt.Errorf("issuer %s: from header %s: that is a header of the identity, which clients can't send", one.URL, header)
		}
		if cookie := one.From.Cookie; cookie != "" && (site.Session.Cookies.Match(cookie) || site.IsTokenCookie(cookie)) {
			return nil, fmt.Errorf("issuer %s: from cookie %s: that is a cookie of the session or of our own token", one.URL, cookie)
		}
		place := access.Place{Provider: one.options(), Rules: one.rules(), From: *one.From}
		places = append(places, place)
		site.Providers = append(site.Providers, app.SiteProvider{URL: one.URL, From: place.From})
	}
	return places, nil
}

// provisionMatchers loads the matchers of the rules and of forget_on, and returns the latter.
func (h *Handler) provisionMatchers(ctx caddy.Context) (pathmatch.Sets, error) {
	for _, rule := range h.Unauthenticated {
		if err := rule.Provision(ctx); err != nil {
			return pathmatch.Sets{}, fmt.Errorf("unauthenticated: %w", err)
		}
	}
	if len(h.ForgetOnRaw) == 0 {
		return pathmatch.Sets{}, nil
	}
	sets, err := ctx.LoadModule(h, "ForgetOnRaw")
	if err != nil {
		return pathmatch.Sets{}, fmt.Errorf("forget_on: %w", err)
	}
	forgetOn, err := pathmatch.New(sets)
	if err != nil {
		return pathmatch.Sets{}, fmt.Errorf("forget_on: %w", err)
	}
	return forgetOn, nil
}

// demandsOf returns what the configuration asks for, before the defaults hide what was left out.
func demandsOf(h *Handler) exchange.Demands {
	asked := exchange.Demands{
		Mode: h.Mode != "", Cookies: len(h.SessionCookies) > 0, Lifetime: h.TokenLifetime != 0,
		IdleTimeout: h.SessionIdleTimeout != 0, MaxAge: h.SessionMaxAge != 0,
	}
	if len(h.ForgetOnRaw) > 0 {
		text, _ := json.Marshal(h.ForgetOnRaw) // it was JSON
		asked.ForgetOn = string(text)
	}
	return asked
}
