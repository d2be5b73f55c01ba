package jwtsession

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
