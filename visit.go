package jwtsession

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// visit is one request on its way through one handler: what came with it, and what was found out about it.
type visit struct {
	*Handler

	realm   string    // of this request
	gateway *app.Core // nil where the store could not be opened
	request *http.Request
	next    caddyhttp.Handler
	repl    *caddy.Replacer
	now     time.Time
	began   ledger.Moment
	arrived cookie.Mark
	traced  time.Time // when it began by the machine's own clock; zero where nobody traces it
	secure  bool      // whether the response is a secure one for the browser

	cookies    validator.Cookies // as the client sent them
	combined   *combinedVisit    // nil: the token has a cookie of its own
	credential validator.SessionCredential
	tokenSent  bool // whether a token cookie of this realm came, of whatever worth
	bearer     validator.TokenCredential
	token      validator.Token
	access     access // tokens of identity providers

	record      sessions.Session       // the active session, where one was looked up
	tokenCookie validator.TokenCookie  // what becomes of it
	stream      *stream                // nil where there is none
	release     func()                 // gives back the claim to mint; nil: this request has none
	forget      bool                   // the request matches forget_on
	ended       bool                   // its session was ended on the way
	revoked     bool                   // the operator said no to its session
	session     validator.SessionState // what is known of the session that came
	lapsed      bool                   // the session that came turned out to be over
	withheld    bool                   // the application does not get its cookies
	restore     bool                   // the session cookies are to be added upstream
	movesToken  bool                   // the token that came is to be bound to the session's new id
	renewsToken bool                   // and it was due to be replaced
	learned     bool                   // the response named the user
	unkept      bool                   // the store does not hold the record, so that there is no token for it
	listening   listening
	heard       sessions.Session // of the user whom the response named
	reason      validator.Reason

	journey  *journey.Journey
	decision journey.Decision // for the modules behind
	follows  bool             // an earlier handler decided, and looks at the response
	previous *visit           // of the same request, for another realm

	response response.Writer // what the application writes to
}

// newVisit reads the credentials that the client sent, and hides our tokens from all that comes behind.
func (h *Handler) newVisit(
	way *journey.Journey, visits *visits, r *http.Request, next caddyhttp.Handler, repl *caddy.Replacer, realm string,
) (*visit, error) {
	cookies, err := validator.ScanCookies(way.Cookies)
	if err != nil {
		return nil, err
	}
	v := visits.begin()
	*v = visit{
		Handler: h, realm: realm, request: r, next: next, repl: repl, now: h.app.Now(), cookies: cookies,
		secure: h.TokenCookie.IsSecure(r), credential: h.sessionCookies.Read(cookies), traced: telemetry.TraceTime(r.Context()),
		journey: way,
	}
	journey.HideTokens(h.app.Names(), r)
	h.hideAliases(r, h.cookieNames)
	v.joinCarried(visits)
	if v.forget, err = v.matchesForgetOn(); err != nil {
		return nil, err
	}
	v.gateway, err = h.app.CoreForRequest()
	if err != nil {
		h.logger.Error("opening the session store", zap.Error(err))
	}
	if v.gateway != nil {
		v.began = v.gateway.Ledger.Moment()
		v.arrived = v.gateway.Ledger.Places().Mark()
	}
	v.readToken()
	v.access = v.readAccess()
	if v.credential.Reason == validator.SessionAmbiguous || v.token.Reason == validator.TokenAmbiguous {
		v.warn("requests bring two values of one cookie, so that neither counts; something else on this site or a site "+
			"next to it sets a cookie of that name", zap.String("reason", string(cmp.Or(v.credential.Reason, v.token.Reason))))
	}
	if v.credential.Presence == validator.Unusable {
		v.warnOfSession(v.credential.Reason)
	}
	v.revoked = v.isRevoked()
	return v, nil
}

func (v *visit) matchesForgetOn() (bool, error) {
	if v.forgetOn.IsEmpty() {
		return false, nil
	}
	return v.forgetOn.Any(v.request)
}

// readToken verifies the token that came, if tokens count here.
func (v *visit) readToken() {
	v.token = validator.Token{State: validator.TokenAbsent}
	v.takeBearer()
	if v.mode == validator.Stateful {
		return
	}
	credential := v.readTokenCookie()
	v.tokenSent = credential.Presence != validator.Absent
	if v.gateway == nil {
		return
	}
	v.token = v.verify(credential)
	v.yieldCombined()
	if v.token.State == validator.TokenForeign {
		v.warn("a token of another realm is where this realm's would be; give one of them another token_cookie")
	}
	v.yieldToApplication(credential)
	v.weighBearer(credential)
	v.reason = v.token.Reason
}

// verify says what a token is worth on this route.
func (v *visit) verify(credential validator.TokenCredential) validator.Token {
	return v.gateway.Verify(v.request.Context(), credential, v.now, validator.Route{
		Realm: v.realm, Issuer: v.TokenIssuer, Lifetime: time.Duration(v.TokenLifetime), Longest: v.app.Names().LongestToken(),
		Attributes: v.needs, Encrypted: v.TokenEncrypt, Dead: v.gateway.Dead,
	})
}

// decide finds out who the request is from. It waits for the store or the application only where the token does not
// decide.
func (v *visit) decide() validator.Verdict {
	if v.gateway == nil {
		if !v.tokenSent && !v.mayBeBearer() && v.credential.Presence == validator.Absent {
			return validator.Unauthenticated{Reason: validator.NoCredentials}
		}
		v.reason = validator.StoreUnavailable
		return validator.CouldNotTell{}
	}
	evidence := v.evidence()
	v.session = evidence.Session
	verdict := validator.Decide(evidence)
	switch decided := verdict.(type) {
	case validator.Unauthenticated:
		if v.session == validator.NotAsked && v.credential.Presence == validator.Present &&
			v.gateway.Ledger.RevokesIn(v.realm) {
			v.session = v.recorded() // a mode that looks no session up lets none of a revoked user through either
		}
	case validator.AskSession:
		evidence.Session = v.lookUp(v.confirmedFor())
		v.session = evidence.Session
		evidence.OutsideShare = v.isOutsideShare() // by the user, who may be known only now
		verdict = validator.Decide(evidence)
	case validator.ByToken:
		if v.restore = decided.Restore; v.restore && v.mode != validator.Stateless {
			return verdict // nothing shows that the browser still has the session, so the token is not renewed
		}
		verdict = v.renew(evidence)
	case validator.BySession, validator.ByIssuer, validator.CouldNotTell: // stand as they are
	}
	if v.mode == validator.Shadow {
		v.countMismatch(verdict)
	}
	return verdict
}

// evidence is what is known before anybody is asked.
func (v *visit) evidence() validator.Evidence {
	evidence := validator.Evidence{
		Mode: v.mode, Token: v.token.State, Binding: validator.Bind(v.token, v.credential),
		Cookies: v.credential, Session: validator.NotAsked, TokenReason: v.token.Reason,
		MayRestore:   v.RestoreSession && v.isSameSite() && v.isRestorable(),
		OutsideShare: v.isOutsideShare(),
	}
	if v.revoked {
		evidence.Session = validator.Revoked
	}
	return evidence
}

// isSameSite says whether the request is none that another site made the browser send, as far as the browser says (Fetch
// Metadata section 2.4). The session cookie may be SameSite=Strict and so be missing; a token must not stand in for it.
func (v *visit) isSameSite() bool {
	for _, site := range v.request.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	return true
}

// isRestorable says whether the token holds the session cookies whole.
func (v *visit) isRestorable() bool {
	_, ok := v.sessionCookies.Restore(v.token.Claims)
	return ok
}

// isOutsideShare says whether tokens are not for this session, which is the token's where no session cookie came.
func (v *visit) isOutsideShare() bool {
	switch {
	case v.MixedPercent >= 100:
		return false
	case v.isRolling():
		return v.isUserOutsideShare()
	case v.credential.Presence == validator.Present:
		return !validator.InShare(v.key(), v.MixedPercent)
	case v.token.Claims != nil:
		return !validator.InShare(v.token.Claims.SessionKey(), v.MixedPercent)
	}
	return false
}

// isDue says whether the token is so near its end that it is to be replaced.
func (v *visit) isDue() bool {
	remaining := time.Unix(v.token.Claims.Expires(), 0).Sub(v.now)
	return remaining <= time.Duration(v.RenewBefore)
}

// renew replaces a token that is near its end, if its session is still active; finding that out confirms the session.
// Where the session turns out to have ended, or to be another user's by now, the token does not count any more.
func (v *visit) renew(evidence validator.Evidence) validator.Verdict {
	verdict := validator.ByToken{Restore: v.restore}
	if v.hasBearer() || !v.isDue() || !v.claimMint() {
		return verdict
	}
	if v.mode == validator.Stateless {
		v.tokenCookie = validator.ReplaceToken // by itself: the session is not looked at
		return verdict
	}
	evidence.Session = v.lookUp(time.Duration(v.TokenLifetime - v.RenewBefore))
	switch evidence.Session {
	case validator.Active:
		if v.unkept {
			telemetry.RenewalsSkippedTotal.Inc()
			return verdict
		}
	case validator.Unknown:
		return verdict // not active, so not renewed; the token was good for as long as it says
	case validator.Nobody:
		v.end()
	case validator.Revoked: // whoever it is by now, the token does not speak for them
		evidence.Token, evidence.TokenReason = validator.TokenUnusable, validator.TokenRevoked
		v.token = validator.Token{Reason: validator.TokenRevoked}
		return validator.Decide(evidence)
	default:
		telemetry.RenewalsSkippedTotal.Inc()
		return verdict
	}
	if reason, dead := v.gateway.Dead(v.token.Claims); dead {
		evidence.Token, evidence.TokenReason = validator.TokenUnusable, reason
		v.token = validator.Token{Reason: reason}
		return validator.Decide(evidence)
	}
	v.tokenCookie = validator.ReplaceToken
	return verdict
}

// key names the session that came with the request.
func (v *visit) key() sessions.Key { return sessions.Key{Realm: v.realm, Hash: v.credential.Hash} }

// lookUp says whether the session that came with the request is active. An answer of the application that is older than
// maxAge is asked for again.
func (v *visit) lookUp(maxAge time.Duration) validator.SessionState {
	ctx := v.background()
	began := time.Now()
	record, active, err := v.gateway.Ledger.Active(ctx, v.key())
	telemetry.LookedUp(record, began)
	if errors.Is(err, ledger.ErrRevoked) {
		v.revoked = true
		return validator.Revoked
	}
	if err != nil {
		v.couldNotTell(validator.StoreUnavailable, err)
		return validator.Undetermined
	}
	if active && v.isCurrent(record, maxAge, v.now) {
		if err := v.gateway.Ledger.Touch(ctx, record, time.Duration(v.SessionIdleTimeout)); err != nil {
			telemetry.CountStoreError(err)
			v.warn("touching session", zap.Error(err)) // it counts all the same; only its idle time goes on
		}
		v.record = record
		return validator.Active
	}
	switch {
	case v.whoami == nil:
		return validator.Unknown
	case !active && v.gateway.Ledger.IsNobody(v.key()):
		return validator.Nobody
	}
	return v.ask(active, maxAge)
}

// isCurrent says whether a record may be used as it is.
func (h *Handler) isCurrent(record sessions.Session, maxAge time.Duration, now time.Time) bool {
	if record.Source == sessions.Added {
		return true // the operator's word; nobody else is asked
	}
	if now.Sub(record.Confirmed) >= maxAge {
		return false
	}
	for _, name := range h.needs {
		if _, known := record.Attributes[name]; !known && h.whoami.reads(name) {
			return false
		}
	}
	return true
}

// end ends the session that the request came with. What proves it besides its record is a usable token; one without
// any session cookie stands for its session here.
func (v *visit) end() {
	v.ended = true
	if v.gateway == nil {
		return
	}
	key, proof := v.key(), int64(0)
	if claims := v.token.Claims; v.token.State == validator.TokenUsable {
		switch validator.Bind(v.token, v.credential) {
		case validator.SameSession:
			proof = claims.AuthTime()
		case validator.NoSession:
			key, proof = claims.SessionKey(), claims.AuthTime()
		default: // of another session it proves nothing
		}
	}
	if v.credential.Presence != validator.Present && proof == 0 {
		return
	}
	v.whoami.forget(key)
	if err := v.endInLedger(key, proof); err != nil {
		telemetry.CountStoreError(err)
		v.logger.Error("keeping the end of a session: it is in force, and will be tried again",
			zap.String("realm", v.realm), zap.Error(err))
	}
}
