package jwtsession

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// isTokenCookie says whether a cookie of this name can be the token cookie of some request to this handler.
func (h *Handler) isTokenCookie(name string) bool {
	if h.TokenCookie.Name != "" {
		return name == h.TokenCookie.Name
	}
	realm, ours := strings.CutPrefix(strings.TrimPrefix(name, carrier.HostPrefix), "jwt_")
	return ours && h.realm.Matches(realm)
}

// hasSurmisedTokenCookie says whether the request's values make the name of the token cookie, so that the application may
// have a cookie of that name: then its value says whose it is.
func (h *Handler) hasSurmisedTokenCookie() bool { return h.TokenCookie.Name == "" && h.realm.Dynamic() }

// holdsToken says whether a cookie can be the token cookie of some request to this handler.
func (h *Handler) holdsToken(name, value string) bool {
	return h.isTokenCookie(name) && (!h.hasSurmisedTokenCookie() || validator.HasTokenForm(value))
}

// tokensAlone returns the cookies without those of the name that are no tokens, and so the application's.
func tokensAlone(cookies validator.Cookies, name string) validator.Cookies {
	return slices.DeleteFunc(slices.Clone(cookies), func(cookie validator.Cookie) bool {
		return cookie.Name == name && !validator.HasTokenForm(cookie.Value)
	})
}

// yieldToApplication leaves a cookie alone that has the name of the request's token and is the application's, as if a token
// of another realm were in it.
func (v *visit) yieldToApplication(token validator.TokenCredential) {
	if token.Presence != validator.Absent || v.combined != nil || !v.hasSurmisedTokenCookie() {
		return
	}
	name := v.TokenCookie.NameFor(v.realm, v.secure)
	if validator.ReadToken(v.cookies, name).Presence == validator.Absent {
		return
	}
	v.token = validator.Token{State: validator.TokenForeign}
	v.warn("the application has a cookie of the name that this realm's token would have, so there is no token; give the token "+
		"another name with token_cookie", zap.String("cookie", name))
}

// cookieConflict returns a handler of the configuration whose token cookie can be a session cookie of this one, or the
// other way round: it would be kept from the application that set it.
func (a *App) cookieConflict(h *Handler) *Handler {
	for _, other := range a.handlers {
		for _, pair := range [][2]*Handler{{h, other}, {other, h}} {
			cookie, example := pair[1].TokenCookie, pair[1].realm.Example()
			if pair[0].sessionCookies.Match(cookie.PlainName(example)) || pair[0].sessionCookies.Match(cookie.SecureName(example)) ||
				slices.ContainsFunc(pair[0].SessionCookies, pair[1].isTokenCookie) {
				return pair[1]
			}
		}
	}
	return nil
}

func errCookieConflict(sessionCookies, realm string) error {
	return fmt.Errorf("session_cookie %s can be the token_cookie of realm %s; give that another name", sessionCookies, realm)
}
