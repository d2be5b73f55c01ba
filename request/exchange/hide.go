package exchange

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// strip takes from the request what clients must not send, whatever is decided.
func (t *Route) strip(r *http.Request, others *exchanges) {
	t.Policy.Site.Identity.Strip(r)
	t.Forward.Strip(r)
	journey.CleanPath(r, t.cookieNames(others))
}

// hide takes from the request what nobody behind the handler may see: our tokens, and what could be taken for a session
// cookie.
func (t *Route) hide(r *http.Request, others *exchanges) {
	journey.HideTokens(t.Policy.App.Names(), r)
	t.hideAliases(r, others)
}

// hideAliases removes from the Cookie lines what the application could take for one of these session cookies without being
// it, and makes the lines one.
func (t *Route) hideAliases(r *http.Request, others *exchanges) {
	found := journey.HideAliases(r, t.cookieNames(others))
	if found.Kind == alias.Nothing {
		return
	}
	t.Policy.WarnAs("alias "+found.Kind.String(), "a request brought a cookie that the application could take for a session cookie, "+
		"or that could hide one; it is not sent upstream; if the application sets it, give one of them another name",
		zap.String("found", found.Kind.String()), zap.String("session_cookie", found.Name))
}

// cookieNames returns the names of the session cookies that count for the handler on the way of a request: a later handler
// of a realm that names none has those of the one that decided. The default would be a cookie of somebody else.
func (t *Route) cookieNames(others *exchanges) alias.Names {
	if t.Demands.Cookies {
		return t.Aliases
	}
	for x := others.latest; x != nil; x = x.previous {
		if x.Policy.Site.Realm.String() == t.Policy.Site.Realm.String() {
			return x.Aliases
		}
	}
	return t.Aliases
}

// hideUndecided withholds from error routes what came with a request that fails before anybody decided about it: our tokens,
// and session cookies, which stay only where no revocation is in force in the realm or the session is known to be active. An
// empty realm is one that could not be told.
func (t *Route) hideUndecided(r *http.Request, way *journey.Journey, others *exchanges, realm string) {
	t.hide(r, others)
	if realm == "" || !t.mayReachErrorRoutes(r.Context(), way, realm) {
		t.dropSessionCookies(r)
	}
}

func (t *Route) mayReachErrorRoutes(ctx context.Context, way *journey.Journey, realm string) bool {
	core, err := t.Policy.App.CoreForRequest()
	if err != nil || core.Ledger.IsStale() {
		return false
	}
	if !core.Ledger.RevokesIn(realm) {
		return true
	}
	cookies, err := validator.ScanCookies(way.Cookies)
	if err != nil {
		return false
	}
	session := t.Policy.Site.Session.Cookies.Read(cookies)
	if session.Presence != validator.Present {
		return false
	}
	_, active, err := core.Ledger.Active(context.WithoutCancel(ctx), sessions.Key{Realm: realm, Hash: session.Hash})
	return err == nil && active
}

// dropSessionCookies removes the session cookies from the request.
func (t *Route) dropSessionCookies(r *http.Request) {
	journey.SetLines(r.Header, "Cookie", validator.DropCookies(r.Header["Cookie"], t.Policy.Site.Session.Cookies.Match))
}
