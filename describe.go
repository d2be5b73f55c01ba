package jwtsession

import (
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
)

// describe returns what the handler says of itself, once it is prepared.
func (h *Handler) describe() *app.Site {
	site := &app.Site{
		Realm: h.realm, Mode: h.mode, ModeName: h.Mode,
		Session: app.SiteSession{
			Cookies: h.sessionCookies, ID: h.SessionID,
			IdleTimeout: time.Duration(h.SessionIdleTimeout), MaxAge: time.Duration(h.SessionMaxAge),
		},
		Token: app.SiteToken{
			Lifetime: time.Duration(h.TokenLifetime), Cookie: h.TokenCookie, InSessionCookie: h.TokenInSessionCookie,
			Encrypt: h.TokenEncrypt,
		},
		ForwardsToken: h.ForwardToken != nil,
		Identity:      h.identity, Needs: h.needs, Whoami: h.Whoami.configured(), NamesUsers: h.ResponseUser != "",
	}
	if h.Whoami != nil {
		site.AskedWith = h.Whoami.Cookies
		for name := range h.Whoami.Attributes {
			site.Learns = append(site.Learns, name)
		}
	}
	for _, one := range h.Issuers {
		site.Providers = append(site.Providers, app.SiteProvider{URL: one.URL, From: *one.From})
		for name := range one.Attributes {
			site.Learns = append(site.Learns, name)
		}
	}
	slices.Sort(site.Learns)
	return site
}
