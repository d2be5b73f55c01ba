package jwtsession

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// isRolling says whether the application changes the session cookie with every answer.
func (h *Handler) isRolling() bool { return h.Whoami != nil && h.Whoami.Rolling }

// roll lets the identity go on under the new value where such an application changes the session cookie. The session is
// then as if the request had come with the new value: it is as confirmed as it was, and the response brings a token that is
// bound to it.
//
// It does so for answers to requests that only read, since others may sign somebody in (as those may that match forget_on,
// which have ended the session by now), and for none that a cache may have
// kept for somebody else, nor for one that names another user. Where it does not, the change is an end.
func (v *visit) roll(status int, header http.Header, named naming) {
	if !v.isRolling() || v.decision.Identity.User == "" || v.ended || v.revoked || !isReading(v.request.Method) {
		return
	}
	effect := v.effectOf(header)
	if !effect.Moves || !named.allows(v.decision.Identity.User) || caching.MayBeAnothers(status, header, v.now) {
		return
	}
	cookies := sessionCookiesOf(effect.After)
	credential := v.sessionCookies.Read(cookies)
	of, token := v.lineage()
	if credential.Presence != validator.Present || of.User != v.decision.Identity.User {
		return
	}
	session, err := v.gateway.Ledger.Follow(v.background(), ledger.Step{
		From: v.key(), To: credential.Hash, Lineage: of, Token: token,
		Replaced: time.Duration(v.TokenLifetime), Idle: time.Duration(v.SessionIdleTimeout),
	})
	switch {
	case errors.Is(err, ledger.ErrNotFollowed):
		return
	case err != nil:
		v.warn("following a session to its new cookie; it ends instead, and is asked about again", zap.Error(err))
		return
	}
	v.cookies, v.credential = cookies, credential
	if v.movesToken = !token.IsZero(); !v.movesToken {
		v.record = session
	}
	v.renewsToken = v.tokenCookie == validator.ReplaceToken
	if v.mode != validator.Stateful && v.tokenCookie != validator.ClearToken && v.token.State != validator.TokenForeign {
		v.useTokenCookie(validator.ReplaceToken)
	}
}

// isReading says whether a request of this method does no more than read.
func isReading(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// lineage says whose session the request came with by what decided it: the record or, until the returned time, the token
// that is bound to it. It is zero where neither is of that session, and where the store does not hold the record: then there
// is nothing that could go on under another id, or end.
func (v *visit) lineage() (of ledger.Lineage, token time.Time) {
	if v.unkept {
		return ledger.Lineage{}, time.Time{}
	}
	if v.record.User != "" {
		return ledger.Lineage{User: v.record.User, AuthTime: v.record.AuthTime}, time.Time{}
	}
	claims := v.token.Claims
	isBound := v.movesToken || validator.Bind(v.token, v.credential) == validator.SameSession
	if v.token.State != validator.TokenUsable || !isBound {
		return ledger.Lineage{}, time.Time{}
	}
	return ledger.Lineage{User: claims.Subject(), AuthTime: claims.AuthTime()}, time.Unix(claims.Expires(), 0)
}

// endInLedger ends the session of the key, under all the ids that it had if the application changes them. The proof is the
// auth_time of a usable token that stands for it, 0 where there is none.
func (v *visit) endInLedger(key sessions.Key, proof int64) error {
	if !v.isRolling() {
		_, err := v.gateway.Ledger.End(v.background(), key, proof)
		return err
	}
	of, _ := v.lineage()
	if proof > 0 {
		of = ledger.Lineage{User: v.token.Claims.Subject(), AuthTime: proof}
	}
	_, err := v.gateway.Ledger.EndRolling(v.background(), key, of, time.Duration(v.SessionIdleTimeout))
	return err
}

// moveToken mints in the place of the token that came and decided the request, bound to the session's new id. It ends when
// that one would have ended, unless it was to be renewed by itself.
func (v *visit) moveToken(minter validator.Minter) (string, error) {
	claims := v.token.Claims
	if _, dead := v.gateway.Dead(claims); dead || !v.gateway.Ledger.MayMint(v.key(), claims.AuthTime()) {
		return "", validator.ErrNothingToMint
	}
	if v.mode == validator.Stateless && v.renewsToken {
		return minter.MoveRenewed(claims, v.credential, time.Duration(v.SessionMaxAge), v.now)
	}
	return minter.Move(claims, v.credential, v.now)
}

// isUserOutsideShare says whether tokens are not for this user. Until it is known who it is, they may be.
func (v *visit) isUserOutsideShare() bool {
	switch {
	case v.record.User != "":
		return !validator.UserInShare(v.realm, v.record.User, v.MixedPercent)
	case v.token.State == validator.TokenUsable:
		return !validator.UserInShare(v.realm, v.token.Claims.Subject(), v.MixedPercent)
	}
	return false
}
