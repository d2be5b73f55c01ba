package exchange

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/pathmatch"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/forward"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/settlement"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Route is a `jwt_session` handler that is prepared for requests. It never changes, and serves any number of requests at the
// same time.
type Route struct {
	Policy   *policy.Policy
	Sources  outcome.Sources
	Listener settlement.Listener
	Forward  *forward.Forwarder
	ForgetOn pathmatch.Sets
	// Aliases tells what could be taken for one of the session cookies.
	Aliases alias.Names
	// Demands is what the handler asks for by itself.
	Demands Demands
	// Rules say what becomes of requests whose user is not known.
	Rules []*refusal.Rule
	// CSRF refuses what pages of other origins send. It is nil if nothing is refused.
	CSRF *refusal.CrossSite
	// DenyPreflights reports whether CORS preflights are refused.
	DenyPreflights bool

	requests telemetry.RequestCounters
}

// Serve is the way of every request: strip, read, decide, then pass on or refuse.
func (t *Route) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if t.Listener.Header != "" {
		defer func() { response.DropTrailer(w.Header(), t.Listener.Header) }()
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	way, others := journeyOf(t.Policy.App.Names(), r) // before anything is taken from the request
	t.strip(r, others)
	if whoami.IsSubrequest(r.Context()) {
		t.hide(r, others)
		identity.ShowNobody(repl)
		return next.ServeHTTP(w, r) // our own question: it is not asked about itself
	}
	way.Shown.Clear(repl)
	if isPreflight(r) {
		way.Preflight = true
		return servePreflight(t, w, r, next)
	}
	realm, status, err := t.admit(r, way, repl)
	if err != nil {
		t.hideUndecided(r, way, others, realm)
		return caddyhttp.Error(status, err)
	}
	way.Shown.SetRealm(t.Policy.Site.Realm.Placeholder(realm))
	if earlier := others.of(realm); earlier != nil {
		return t.follow(w, r, next, repl, way, others, earlier)
	}
	x := others.begin()
	x.Route, x.request, x.next, x.repl = t, r, next, repl
	t.hide(r, others)
	if err := x.arrival.Read(t.Policy, t.ForgetOn, way, r, realm); err != nil {
		t.hideUndecided(r, way, others, "")
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	others.share(x)
	others.add(x)
	defer x.outcome.Release()
	x.outcome.Decide(t.Policy, t.Sources, &x.arrival, next)
	x.settlement.Begin(t.Policy, t.Sources.Asker, &x.arrival, &x.outcome)
	x.announce()
	return x.act(w)
}

// admit returns the realm of the request, or the status and the error that refuse it before anybody decides.
func (t *Route) admit(r *http.Request, way *journey.Journey, repl *caddy.Replacer) (realm string, status int, err error) {
	refused := t.CSRF.Check(r, way.Authorization)
	if refused != nil && isProviderAnswer(t.Policy.App.Names(), r, t.Policy.Site.Realm) {
		refused = nil
	}
	realm, err = t.Policy.Site.Realm.Resolve(func(placeholder string) string {
		value, _ := repl.GetString(placeholder)
		return value
	})
	switch {
	case refused != nil:
		return realm, http.StatusForbidden, refused
	case err != nil:
		return "", http.StatusBadRequest, fmt.Errorf("the placeholders of %q make no realm: %w", t.Policy.Site.Realm.String(), err)
	}
	return realm, 0, nil
}
