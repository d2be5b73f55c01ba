package jwtsession

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// beforeApplication is what counts before the request goes on: a request that matches forget_on has ended its session,
// and an unsafe one may sign somebody in, so that what was remembered of nobody is forgotten.
func (v *visit) beforeApplication() {
	if v.forget {
		v.end()
	}
	v.forgetNobody()
}

// afterApplication is what counts when the response begins, or when there is none: what was asked or learned meanwhile
// may be from before the application acted on the request. The header is nil where the response is not its own.
func (v *visit) afterApplication(header http.Header) {
	if v.forget || len(header["Set-Cookie"]) > 0 && v.effectOf(header).Ends {
		v.end()
	}
	v.forgetNobody()
}

func (v *visit) forgetNobody() {
	if v.gateway != nil && v.credential.Presence == validator.Present && (v.forget || refusal.IsUnsafe(v.request.Method)) {
		v.gateway.Ledger.Forget(v.key())
		v.whoami.forget(v.key())
	}
}

// settle looks at the application's response before its head goes out, and adds what is due of ours.
func (v *visit) settle(status int, header http.Header) {
	v.now = v.app.Now()
	var came cookie.Exchange // by what the request came with, which the steps below may change
	if len(header["Set-Cookie"]) > 0 {
		came = v.exchange(header)
	}
	named := v.takeNaming(status, header)
	v.roll(status, header, named)
	v.afterApplication(header)
	if v.ended {
		v.tokenCookie = validator.ClearToken
	}
	v.sawSet(header)
	v.hear(named, header)
	if v.response.Replaced {
		return
	}
	v.notePlaces(came)
	mayCarry := caching.MayCarry(status, header, v.now)
	if v.combined != nil {
		v.combineWithApplication(header, mayCarry)
	}
	if !mayCarry {
		return // a later response will do
	}
	isCleared := v.clearRevoked(header)
	if v.clearSignIn(header) || isCleared {
		caching.KeepPrivate(header)
	}
	if v.isSetByApplication(header) {
		return
	}
	if line := v.tokenCookieLine(); line != "" {
		header.Add("Set-Cookie", line)
		caching.KeepPrivate(header)
	}
}

// isSetByApplication says whether the application sets a cookie of the token's name itself. Then it has the last word.
func (v *visit) isSetByApplication(header http.Header) bool {
	if v.combined != nil {
		return v.setsCombined(header)
	}
	return cookie.Sets(header["Set-Cookie"], v.TokenCookie.NameFor(v.realm, v.secure))
}

// tokenCookieLine returns the Set-Cookie line that is due, or nothing.
func (v *visit) tokenCookieLine() string {
	switch v.tokenCookie {
	case validator.ReplaceToken:
		if line := v.mint(); line != "" {
			return line
		}
	case validator.ClearToken:
	default:
		return ""
	}
	return v.clearLine()
}

// clearLine returns the Set-Cookie line that takes the token from the browser, if there is one to take.
func (v *visit) clearLine() string {
	switch {
	case !v.mayClear():
		return ""
	case v.combined != nil:
		return v.uncombineLine()
	}
	return v.TokenCookie.Clear(v.realm, v.secure)
}

// mayClear says whether there is a token to clear: one that came, is of no use, and is ours to judge.
func (v *visit) mayClear() bool {
	if !v.tokenSent || v.token.State == validator.TokenForeign {
		return false
	}
	return v.ended || v.tokenCookie == validator.ClearToken ||
		v.tokenCookie == validator.ReplaceToken && (v.token.State != validator.TokenUsable ||
			validator.Bind(v.token, v.credential) != validator.SameSession)
}

// mint returns the Set-Cookie line with a new token for the session, or nothing where there can be none.
func (v *visit) mint() string {
	minter := v.minter()
	token := v.mintToken(minter)
	if token == "" {
		return ""
	}
	var line string
	if v.combined != nil {
		line = v.fitting(v.combineLine(token))
	} else {
		line = v.fitting(v.TokenCookie.Set(v.realm, token, v.maxAge(minter), v.secure))
	}
	if line != "" {
		v.countIssued(len(token))
	}
	return line
}

// minter returns what mints for this route.
func (v *visit) minter() validator.Minter {
	return validator.Minter{
		Keys: v.gateway.Keys.Current(), Issuer: v.TokenIssuer, Lifetime: time.Duration(v.TokenLifetime), Attributes: v.needs,
		Encrypt: v.TokenEncrypt,
	}
}

// mintToken returns a new token for the session, or nothing where there can be none.
func (v *visit) mintToken(minter validator.Minter) string {
	token, err := v.mintWith(minter)
	if err != nil {
		if !errors.Is(err, validator.ErrNothingToMint) {
			v.warn("minting token", zap.Error(err))
		}
		return ""
	}
	return token
}

// fitting returns the Set-Cookie line, or nothing where browsers would not keep it.
func (v *visit) fitting(line string) string {
	if len(line) <= carrier.MaxSetCookie {
		return line
	}
	v.warn("a token is too large for a cookie, so its user stays on the session path",
		zap.Int("bytes", len(line)), zap.Int("limit", carrier.MaxSetCookie),
		zap.String("largest_attribute", largestAttribute(v.record.Attributes)))
	return ""
}

// mintWith mints for the session that was looked up, or, where tokens count alone, in the place of the token that came.
// Whether the session has ended is asked last of all.
func (v *visit) mintWith(minter validator.Minter) (string, error) {
	if v.movesToken {
		return v.moveToken(minter)
	}
	if v.mode == validator.Stateless && !v.learned {
		claims := v.token.Claims
		if _, dead := v.gateway.Dead(claims); dead || !v.gateway.Ledger.MayMint(claims.SessionKey(), claims.AuthTime()) {
			return "", validator.ErrNothingToMint
		}
		return minter.Renew(claims, time.Duration(v.SessionMaxAge), v.now)
	}
	if v.unkept || !v.gateway.Ledger.MayMintFor(v.record) {
		return "", validator.ErrNothingToMint
	}
	return minter.Mint(v.record, v.credential, v.now)
}

// maxAge is how long the browser keeps the token that the minter makes: as long as it is open, or where the token stands
// alone its lifetime.
func (v *visit) maxAge(minter validator.Minter) time.Duration {
	var expires int64
	switch {
	case v.mode != validator.Stateless:
		return 0
	case v.movesToken && !v.renewsToken:
		expires = v.token.Claims.Expires()
	case v.movesToken, !v.learned:
		expires = minter.ExpiresRenewed(v.token.Claims, time.Duration(v.SessionMaxAge), v.now)
	default:
		expires = minter.Expires(v.record, v.now)
	}
	return time.Duration(expires-v.now.Unix()) * time.Second
}

// sawSet tells the ledger which session id the browser has from now on, where the response sets one: only a session that
// the application opened after a revocation counts again for the user who was revoked.
func (v *visit) sawSet(header http.Header) {
	if v.gateway == nil || len(header["Set-Cookie"]) == 0 {
		return
	}
	effect := v.effectOf(header)
	if !effect.HasNew {
		return
	}
	if credential := v.sessionCookies.Read(sessionCookiesOf(effect.After)); credential.Presence == validator.Present {
		v.gateway.Ledger.SawSet(sessions.Key{Realm: v.realm, Hash: credential.Hash}, v.began)
	}
}

// clearRevoked takes the cookies of a revoked session from the browser, those aside that the response sets anew, and says
// whether it did. The path and the domain that the application gave them are not known here; the common ones are tried.
func (v *visit) clearRevoked(header http.Header) bool {
	if !v.revoked {
		return false
	}
	cleared := false
	for _, sent := range v.cookies {
		if !v.sessionCookies.Match(sent.Name) || cookie.Gives(header["Set-Cookie"], sent.Name, v.now) {
			continue
		}
		if line := v.deleteSessionLine(sent.Name); !slices.Contains(header["Set-Cookie"], line) {
			header.Add("Set-Cookie", line)
			cleared = true
		}
	}
	return cleared
}

// largestAttribute names the attribute that takes the most room in a token.
func largestAttribute(attributes sessions.Attributes) string {
	largest, size := "", 0
	for name, attribute := range attributes {
		text, err := attribute.MarshalJSON()
		if err == nil && (len(text) > size || len(text) == size && name < largest) {
			largest, size = name, len(text)
		}
	}
	return largest
}

// background is the context for what must be finished even if the client leaves.
func (v *visit) background() context.Context { return context.WithoutCancel(v.request.Context()) }
