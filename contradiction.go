package jwtsession

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// contradiction says which of the options that are set can't stand together. It looks at what was written and not at
// defaults, so that a Caddyfile can ask after each option and name its line.
func (h *Handler) contradiction() error {
	switch {
	case h.TokenInSessionCookie != nil && h.TokenCookie != nil:
		return errors.New("token_in_session_cookie and token_cookie contradict: the token is in the one or in the other")
	case h.TokenInSessionCookie != nil && h.RestoreSession:
		return errors.New("token_in_session_cookie: the token comes with its session, so there is nothing to restore; " +
			"leave restore_session out")
	case h.RestoreSession && (h.Mode == modeStateful || h.Mode == modeShadow):
		return fmt.Errorf("restore_session on: in mode %s the session decides, so there is nothing to restore", h.Mode)
	}
	for _, find := range []func() error{
		h.timesContradict, h.Identity.Contradiction, func() error { return refusal.Contradiction(h.Unauthenticated) }, h.tokenPlacesContradict, h.cookiesContradict,
		h.askedCookiesContradict,
	} {
		if err := find(); err != nil {
			return err
		}
	}
	return nil
}

// cookiesContradict looks at the rules that browsers hold cookies to, and at cookies that are two things at once.
func (h *Handler) cookiesContradict() error {
	parsed, err := realm.Parse(h.Realm)
	if err != nil {
		return err
	}
	if h.TokenCookie != nil {
		cookie := *h.TokenCookie
		cookie.SetDefaults()
		if err := cookie.Validate(parsed.Example()); err != nil {
			return fmt.Errorf("token_cookie: %w", err)
		}
	}
	names := strings.Join(h.SessionCookies, " ")
	if cookies, err := validator.NewSessionCookies(h.SessionCookies...); err == nil && h.TokenCookie != nil &&
		h.TokenCookie.Name != "" && cookies.Match(h.TokenCookie.Name) {
		return errCookieConflict(names, h.Realm)
	}
	return h.combinedContradicts(names)
}

func (h *Handler) combinedContradicts(names string) error {
	switch {
	case h.TokenInSessionCookie == nil:
		return nil
	case len(h.SessionCookies) > 1:
		return fmt.Errorf("token_in_session_cookie: a token goes into one cookie, and session_cookie %s are several; use token_cookie", names)
	case strings.HasSuffix(names, "*"):
		return fmt.Errorf("token_in_session_cookie: session_cookie %s is a pattern; write the cookie's whole name, or use token_cookie", names)
	case names == "":
		names = defaultSessionCookie
	}
	cookie := *h.TokenInSessionCookie
	cookie.SetDefaults()
	if err := cookie.Validate(names); err != nil {
		return fmt.Errorf("token_in_session_cookie: %w", err)
	}
	return nil
}

func (h *Handler) timesContradict() error {
	if h.TokenLifetime > 0 && h.RenewBefore >= h.TokenLifetime {
		return fmt.Errorf("renew_before %s must be less than token_lifetime %s",
			time.Duration(h.RenewBefore), time.Duration(h.TokenLifetime))
	}
	if h.SessionMaxAge > 0 && h.SessionIdleTimeout > h.SessionMaxAge {
		return fmt.Errorf("session_idle_timeout %s must not be more than session_max_age %s",
			time.Duration(h.SessionIdleTimeout), time.Duration(h.SessionMaxAge))
	}
	return nil
}

// tokenPlacesContradict looks for a place that two kinds of tokens come in: one place serves one verifier.
func (h *Handler) tokenPlacesContradict() error {
	places := make(map[string]bool)
	if h.AcceptBearer {
		places[new(app.TokenPlace).String()] = true
	}
	for _, one := range h.Issuers {
		place := one.From.String()
		if places[place] {
			return fmt.Errorf("issuer %s: %s is a place of other tokens already (another issuer's, or accept_bearer's); "+
				"choose another with from header|cookie <name>", option.SafeURL(one.URL), place)
		}
		places[place] = true
	}
	return nil
}

// validate checks the finished configuration.
func (h *Handler) validate() error {
	if err := h.validateMode(); err != nil {
		return err
	}
	if err := validateResponseUser(h); err != nil {
		return err
	}
	for name, duration := range map[string]caddy.Duration{
		"session_idle_timeout": h.SessionIdleTimeout, "session_max_age": h.SessionMaxAge,
		"token_lifetime": h.TokenLifetime, "renew_before": h.RenewBefore,
	} {
		if duration <= 0 {
			return fmt.Errorf("%s must be more than 0", name)
		}
	}
	if lifetime := time.Duration(h.TokenLifetime); lifetime%time.Second != 0 {
		return fmt.Errorf("token_lifetime %s: tokens count in whole seconds", lifetime)
	}
	if err := h.route.Policy.App.CheckOldKeys("token_lifetime", time.Duration(h.TokenLifetime)); err != nil {
		return err
	}
	if h.Preflight != "" && h.Preflight != preflightPass && h.Preflight != preflightDeny {
		return fmt.Errorf("preflight: %q is not known; want %s or %s", h.Preflight, preflightPass, preflightDeny)
	}
	if err := h.timesContradict(); err != nil { // defaults too
		return err
	}
	if err := h.ForwardToken.validate(h.TokenIssuer); err != nil {
		return err
	}
	if err := h.askedCookiesContradict(); err != nil { // defaults too
		return err
	}
	if err := refusal.ValidateRules(h.Unauthenticated); err != nil {
		return err
	}
	return h.route.Policy.App.Names().AddSite(h.route.Policy.Site)
}

func (h *Handler) validateMode() error {
	switch {
	case h.MixedPercent == nil:
		return nil
	case *h.MixedPercent < 0 || *h.MixedPercent > 100:
		return fmt.Errorf("mode mixed %g%%: want a share from 0%% to 100%%", *h.MixedPercent)
	case h.Mode != modeMixed:
		return fmt.Errorf("mixed_percent %g: mode %s takes no share of sessions; mixed does", *h.MixedPercent, h.Mode)
	}
	return nil
}

func errCookieConflict(sessionCookies, realm string) error {
	return fmt.Errorf("session_cookie %s can be the token_cookie of realm %s; give that another name", sessionCookies, realm)
}

// askedCookiesContradict looks for a cookie that the question must not carry, among those that were written so far.
func (h *Handler) askedCookiesContradict() error {
	if h.Whoami == nil {
		return nil
	}
	for _, name := range h.Whoami.Cookies {
		for _, session := range h.SessionCookies {
			if app.CanBeOneCookie(name, session) {
				return fmt.Errorf("whoami: cookies %s: that is the session_cookie %s, which the question carries anyway; leave it out",
					name, session)
			}
		}
		if h.TokenCookie != nil && h.TokenCookie.Name != "" && app.CanBeOneCookie(name, h.TokenCookie.Name) {
			return app.ErrAskedWithToken(name, "the token_cookie of realm "+h.Realm)
		}
		for _, one := range h.Issuers {
			if one.From != nil && one.From.Cookie != "" && app.CanBeOneCookie(name, one.From.Cookie) {
				return app.ErrAskedWithToken(name, fmt.Sprintf("the cookie with tokens of the issuer %s", option.SafeURL(one.URL)))
			}
		}
	}
	return nil
}
