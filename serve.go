package jwtsession

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// serve is the way of every request: strip, decide, then pass on or refuse.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	journey := journeyOf(h.app.Names(), r) // before anything is taken from the request
	h.identity.Strip(r)
	h.ForwardToken.strip(r)
	cleanPath(r, h.cookieNamesIn(journey))
	journey.clearPlaceholders(repl)
	switch {
	case whoami.IsSubrequest(r.Context()):
		hideTokens(h.app.Names(), r)
		h.hideAliases(r, h.cookieNamesIn(journey))
		return next.ServeHTTP(w, r) // our own question: it is not asked about itself
	case isPreflight(r):
		journey.preflight = true
		return h.servePreflight(w, r, next)
	}
	refused := h.CSRF.Check(r, journey.authorization)
	if refused != nil && isProviderAnswer(h.app.Names(), r, h.realm) {
		refused = nil
	}
	realm, err := h.realm.Resolve(func(placeholder string) string {
		value, _ := repl.GetString(placeholder)
		return value
	})
	switch {
	case refused != nil:
		h.hideUndecided(r, journey, realm)
		return caddyhttp.Error(http.StatusForbidden, refused)
	case err != nil:
		h.hideUndecided(r, journey, "")
		return caddyhttp.Error(http.StatusBadRequest, fmt.Errorf("the placeholders of %q make no realm: %w", h.Realm, err))
	}
	repl.Set(identity.PlaceholderRealm, h.realm.Placeholder(realm))
	if earlier := journey.visit(realm); earlier != nil {
		if more := asksForMore(earlier.Handler, h); len(more) > 0 {
			return caddyhttp.Error(http.StatusInternalServerError, moreAskedError(earlier.Handler, h, more))
		}
		return h.follow(w, r, next, repl, journey, earlier)
	}
	v, err := h.newVisit(journey, r, next, repl, realm)
	if err != nil {
		h.hideUndecided(r, journey, "")
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	journey.add(v)
	defer v.releaseMint()
	verdict := v.decide()
	v.lapsed = v.isLapsed(verdict)
	return v.act(w, v.weighAccess(verdict))
}

// follow is the way of a request that was decided for this realm before: this handler only adds what its own route wants.
func (h *Handler) follow(
	w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, repl *caddy.Replacer, journey *journey, earlier *visit,
) error {
	v := &visit{
		Handler: h, realm: earlier.realm, request: r, next: next, repl: repl, now: earlier.now, secure: earlier.secure,
		reason: earlier.reason, gateway: earlier.gateway, who: earlier.who, undetermined: earlier.undetermined,
		access: earlier.access, follows: true,
	}
	journey.last = v
	h.hideAliases(r, h.cookieNamesIn(journey)) // handlers in between may have changed the request
	v.takeBearer()
	switch {
	case earlier.who.User != "":
		h.identity.Set(r, earlier.who)
		journey.setPlaceholders(repl, earlier.who)
		v.forward()
		return next.ServeHTTP(h.withoutResponseUser(w), r)
	case earlier.undetermined:
		return v.couldNot(w)
	default:
		return v.unauthenticated(w)
	}
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
		v.tokenCookie, v.undetermined = verdict.Token, true
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
		journeyOf(v.app.Names(), v.request).setPlaceholders(v.repl, who)
		v.warnOfLoss(who)
	}
	v.who = who
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

// unauthenticated answers a request that nobody is signed in with.
func (v *visit) unauthenticated(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(v.Unauthenticated, v.request)
	if err != nil {
		return err
	}
	what := rule.AnswerTo(v.request, v.repl)
	if what.Pass {
		return v.passOn(w, identity.Principal{})
	}
	v.count()
	v.beforeApplication()
	v.setReason()
	v.clearOnRefusal(w.Header())
	if what.Location != "" {
		http.Redirect(w, v.request, what.Location, http.StatusFound)
		return nil
	}
	return v.refuse(w)
}

// refuse answers 401. The precise reason is for the log and the placeholder, not for the client.
func (v *visit) refuse(w http.ResponseWriter) error {
	defer v.hideRefused()
	w.Header().Add("Www-Authenticate", challenge(v.realm, v.hasToken(), v.reason)) // as net/http spells it
	if check := v.logger.Check(zap.DebugLevel, "request refused"); check != nil {
		check.Write(zap.String("realm", v.realm), zap.String("reason", string(v.reason)))
	}
	return caddyhttp.Error(http.StatusUnauthorized, notSignedInError(v.reason))
}

// notSignedInError is the error of a request that was refused, by the reason.
type notSignedInError validator.Reason

func (n notSignedInError) Error() string { return "not signed in: " + string(n) }

// challenge returns the WWW-Authenticate value (RFC 6750 section 3). Without a token there is no error to name.
func challenge(realm string, tokenSent bool, reason validator.Reason) string {
	if !tokenSent {
		return `Bearer realm="` + realm + `"` // nothing in a realm's name needs to be escaped
	}
	var description string
	switch reason {
	case validator.TokenExpired, validator.TokenTooOld:
		description = "the token expired"
	case validator.SessionMissing, validator.SessionIncomplete:
		description = "the token came without its session"
	default:
		description = "the token is not accepted"
	}
	return `Bearer realm="` + realm + `", error="invalid_token", error_description="` + description + `"`
}

var errUndetermined = errors.New("whether the user is signed in could not be found out")

// couldNot answers a request where neither yes nor no could be found out: never with 401, which would sign the user
// out. What needs no identity goes on.
func (v *visit) couldNot(w http.ResponseWriter) error {
	rule, err := refusal.RuleFor(v.Unauthenticated, v.request)
	if err != nil {
		return err
	}
	if rule.AnswerTo(v.request, v.repl).Pass {
		v.tokenCookie = validator.LeaveToken
		return v.passOn(w, identity.Principal{})
	}
	v.count()
	v.beforeApplication()
	return v.unavailable(w)
}

// unavailable answers 503: neither yes nor no.
func (v *visit) unavailable(w http.ResponseWriter) error {
	defer v.hideRefused()
	v.setReason()
	v.clearOnRefusal(w.Header())
	w.Header().Set("Retry-After", refusal.RetryAfter)
	return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("%w: %s", errUndetermined, v.reason))
}

// clearOnRefusal clears the token on an answer of our own, which no cache may store.
func (v *visit) clearOnRefusal(header http.Header) {
	header.Set("Cache-Control", "no-store")
	if line := v.clearLine(); line != "" {
		header.Add("Set-Cookie", line)
	}
	v.clearRevoked(header)
	v.clearSignIn(header)
}

// count counts the request once, by what it came to.
func (v *visit) count() {
	via := v.who.Via
	if via == "" {
		via = identity.ViaNone
	}
	v.requests.With(v.Mode, via, v.reason).Inc()
	v.markSpan(via)
}
