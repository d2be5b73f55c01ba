package jwtsession

import (
	"errors"
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// besideAccess is the session that an access token of a callback's cookie counts with. The zero value is none.
type besideAccess struct {
	key      sessions.Key
	user     string
	authTime int64
}

// sessionBeside returns the session that the request was decided by without access tokens, and whether there is one. Where
// only tokens of ours count, the session that came is looked up. An error means that this could not be told.
func (v *visit) sessionBeside(verdict validator.Verdict) (beside besideAccess, found bool, err error) {
	switch verdict := verdict.(type) {
	case validator.ByToken:
		return v.tokensSession(), true, nil
	case validator.BySession:
		return besideAccess{v.record.Key, v.record.User, v.record.AuthTime}, true, nil
	case validator.CouldNotTell:
		return besideAccess{}, true, nil // it stays that, whatever the access token says
	case validator.Unauthenticated:
		if verdict.Reason == validator.SessionMissing && v.token.State == validator.TokenUsable {
			return v.tokensSession(), true, nil
		}
	case validator.ByIssuer, validator.AskSession: // do not come here
	}
	if v.mode != validator.Stateless || v.credential.Presence != validator.Present {
		return besideAccess{}, false, nil
	}
	record, active, err := v.gateway.Ledger.Active(v.background(), v.key())
	if errors.Is(err, ledger.ErrRevoked) {
		v.revoked = true
		return besideAccess{}, false, nil
	}
	return besideAccess{record.Key, record.User, record.AuthTime}, active, err
}

func (v *visit) tokensSession() besideAccess {
	claims := v.token.Claims
	return besideAccess{claims.SessionKey(), claims.Subject(), claims.AuthTime()}
}

// isLapsed reports whether the verdict shows that the session which came is over. In mode stateless nobody looks at the
// session, so only what the token was ended by shows it.
func (v *visit) isLapsed(verdict validator.Verdict) bool {
	without, nobody := verdict.(validator.Unauthenticated)
	switch {
	case !nobody:
		return false
	case v.mode == validator.Stateless:
		return without.Reason == validator.TokenEnded || without.Reason == validator.TokenRevoked
	}
	return without.Reason == validator.SessionUnknown || without.Reason == validator.SessionRevoked ||
		without.Token == validator.ClearToken && v.tokenSent && v.credential.Presence == validator.Absent
}

// clearSignIn takes from the browser what a callback of the realm set beside a session that is over, and reports whether it
// did. What the response sets anew stays.
func (v *visit) clearSignIn(header http.Header) bool {
	if len(v.app.Names().SignIns()) == 0 || !v.ended && !v.revoked && (!v.lapsed || v.learned) {
		return false
	}
	cleared := false
	for _, callback := range v.app.Names().SignIns() {
		if callback.Realm != v.realm {
			continue
		}
		for _, name := range []string{callback.IDTokenCookie, callback.AccessTokenCookie} {
			if name != "" && v.hasCookie(name) && !cookie.Sets(header["Set-Cookie"], name) {
				header.Add("Set-Cookie", carrier.RemoveSignIn(name))
				cleared = true
			}
		}
	}
	return cleared
}

// hasCookie reports whether the client sent a cookie of the name.
func (v *visit) hasCookie(name string) bool {
	return slices.ContainsFunc(v.cookies, func(one validator.Cookie) bool { return one.Name == name })
}
