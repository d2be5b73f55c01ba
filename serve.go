package jwtsession

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// serve is the way of every request: strip, decide, then pass on or refuse.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	way, visits := journeyOf(h.app.Names(), r) // before anything is taken from the request
	h.identity.Strip(r)
	h.ForwardToken.strip(r)
	journey.CleanPath(r, h.cookieNamesIn(visits))
	way.ClearPlaceholders(repl)
	switch {
	case whoami.IsSubrequest(r.Context()):
		journey.HideTokens(h.app.Names(), r)
		h.hideAliases(r, h.cookieNamesIn(visits))
		return next.ServeHTTP(w, r) // our own question: it is not asked about itself
	case isPreflight(r):
		way.Preflight = true
		return h.servePreflight(w, r, next)
	}
	refused := h.CSRF.Check(r, way.Authorization)
	if refused != nil && isProviderAnswer(h.app.Names(), r, h.realm) {
		refused = nil
	}
	realm, err := h.realm.Resolve(func(placeholder string) string {
		value, _ := repl.GetString(placeholder)
		return value
	})
	switch {
	case refused != nil:
		h.hideUndecided(r, way, visits, realm)
		return caddyhttp.Error(http.StatusForbidden, refused)
	case err != nil:
		h.hideUndecided(r, way, visits, "")
		return caddyhttp.Error(http.StatusBadRequest, fmt.Errorf("the placeholders of %q make no realm: %w", h.Realm, err))
	}
	repl.Set(identity.PlaceholderRealm, h.realm.Placeholder(realm))
	if earlier := visits.of(realm); earlier != nil {
		if more := asksForMore(earlier.Handler, h); len(more) > 0 {
			return caddyhttp.Error(http.StatusInternalServerError, moreAskedError(earlier.Handler, h, more))
		}
		return h.follow(w, r, next, repl, way, visits, earlier)
	}
	v, err := h.newVisit(way, visits, r, next, repl, realm)
	if err != nil {
		h.hideUndecided(r, way, visits, "")
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	visits.add(v)
	defer v.releaseMint()
	verdict := v.decide()
	v.lapsed = v.isLapsed(verdict)
	verdict = v.weighAccess(verdict)
	v.announce()
	return v.act(w, verdict)
}

// follow is the way of a request that was decided for this realm before: this handler only adds what its own route wants.
func (h *Handler) follow(
	w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, repl *caddy.Replacer, way *journey.Journey,
	visits *visits, earlier *visit,
) error {
	v := &visit{
		Handler: h, realm: earlier.realm, request: r, next: next, repl: repl, now: earlier.now, secure: earlier.secure,
		reason: earlier.reason, gateway: earlier.gateway,
		access: earlier.access, follows: true, journey: way,
	}
	v.decision.Undetermined, v.decision.Identity = earlier.decision.Undetermined, earlier.decision.Identity
	v.announce()
	h.hideAliases(r, h.cookieNamesIn(visits)) // handlers in between may have changed the request
	v.takeBearer()
	switch {
	case earlier.decision.Identity.User != "":
		h.identity.Set(r, earlier.decision.Identity)
		way.SetPlaceholders(repl, earlier.decision.Identity)
		v.forward()
		return next.ServeHTTP(h.withoutResponseUser(w), r)
	case earlier.decision.Undetermined:
		return v.couldNot(w)
	default:
		return v.unauthenticated(w)
	}
}

// announce makes what is decided known to the modules behind, and to those of error routes.
func (v *visit) announce() {
	v.decision.Realm, v.decision.Secure, v.decision.Core, v.decision.Refuser = v.realm, v.secure, v.gateway, v
	v.journey.Decide(&v.decision)
}

// act does what was decided.
func (v *visit) act(w http.ResponseWriter, verdict validator.Verdict) error {
	switch verdict := verdict.(type) {
	case validator.ByToken:
		v.restoreSession()
		return v.passOn(w, app.FactsOf(v.token.Claims).Who)
	case validator.BySession:
		v.reason = verdict.Reason
		v.useTokenCookie(verdict.Token)
		return v.passOn(w, identity.OfSession(v.record, time.Duration(v.TokenLifetime), v.now))
	case validator.ByIssuer:
		v.restoreSession()
		v.useTokenBesideAccess(verdict.Token)
		return v.passOn(w, v.principalOfAccess())
	case validator.Unauthenticated:
		v.tokenCookie, v.reason = verdict.Token, verdict.Reason
		return v.unauthenticated(w)
	case validator.CouldNotTell:
		v.tokenCookie, v.decision.Undetermined = verdict.Token, true
		return v.couldNot(w)
	default:
		v.reason = validator.NoCredentials
		v.setReason()
		w.Header().Set("Cache-Control", "no-store")
		return v.refuse(w)
	}
}

// restoreSession gives the application the session cookies that the token is bound to, where that is to be.
func (v *visit) restoreSession() {
	if !v.restore {
		return
	}
	if cookies, ok := v.sessionCookies.Restore(v.token.Claims); ok {
		// Those that came are empty, and an application that takes the first of a name would take them.
		others := validator.DropCookies(v.request.Header["Cookie"], v.sessionCookies.Match)
		v.request.Header["Cookie"] = validator.AddCookies(others, cookies)
	}
}

// useTokenCookie takes on what is to become of the token cookie. While another request mints for this session, this one
// leaves the cookie alone: clearing it could take away what that one sets.
func (v *visit) useTokenCookie(action validator.TokenCookie) {
	v.tokenCookie = action
	if v.mode == validator.Shadow && action == validator.LeaveToken && v.token.State == validator.TokenUsable && v.isDue() {
		action, v.tokenCookie = validator.ReplaceToken, validator.ReplaceToken
	}
	switch {
	case action != validator.ReplaceToken:
	case v.hasBearer():
		v.tokenCookie = validator.ClearToken
	case !v.claimMint():
		v.tokenCookie = validator.LeaveToken
	}
}

// passOn sends the request on, with the identity of the user if there is one.
func (v *visit) passOn(w http.ResponseWriter, who identity.Principal) error {
	if !v.follows && !v.passSession(who) {
		v.count()
		v.beforeApplication()
		return v.unavailable(w)
	}
	if who.User != "" {
		v.identity.Set(v.request, who)
		v.journey.SetPlaceholders(v.repl, who)
		v.warnOfLoss(who)
	}
	v.decision.Identity = who
	v.forward()
	v.count()
	v.setReason()
	if v.follows {
		return v.next.ServeHTTP(v.withoutResponseUser(w), v.request)
	}
	v.beforeApplication()
	v.listen()
	defer v.stopListening()
	v.prepareStream()
	client := v.withoutResponseUser(w)
	own := v.ownHeader(w)
	v.response.Wrap(client, func(status int) {
		if v.settle(status, client.Header()); !v.response.Replaced {
			v.watchStream(client, status)
		}
	})
	if v.stream != nil {
		v.response.Hijacked = v.hijacked
	}
	defer func() {
		v.endStream()
		if !v.response.Begun { // an error, or a panic: the response is not the application's
			v.afterApplication(nil)
			delete(w.Header(), v.responseUser.header) // error routes write the same header
		}
	}()
	err := v.serveNext()
	v.abortIfCut()
	if err == nil {
		v.response.Begin(http.StatusOK) // nothing was written, so net/http will say 200
	}
	if v.response.Replaced {
		return v.refuseNamed(w, own)
	}
	return err
}

// serveNext calls the rest of the route. A reverse proxy aborts the exchange where nobody takes what the application
// writes; a response that was replaced still has a refusal to come.
func (v *visit) serveNext() error {
	defer func() {
		if !v.response.Replaced {
			return
		}
		if failure := recover(); failure != nil && failure != http.ErrAbortHandler {
			panic(failure)
		}
	}()
	return v.next.ServeHTTP(&v.response, v.request)
}

func (v *visit) setReason() {
	if v.reason != "" {
		v.repl.Set(identity.PlaceholderReason, string(v.reason))
	}
}

// count counts the request once, by what it came to.
func (v *visit) count() {
	via := v.decision.Identity.Via
	if via == "" {
		via = identity.ViaNone
	}
	v.requests.With(v.Mode, via, v.reason).Inc()
	v.markSpan(via)
}
