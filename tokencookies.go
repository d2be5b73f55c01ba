package jwtsession

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// tokensAlone returns the cookies without those of the name that are no tokens, and so the application's.
func tokensAlone(cookies validator.Cookies, name string) validator.Cookies {
	return slices.DeleteFunc(slices.Clone(cookies), func(cookie validator.Cookie) bool {
		return cookie.Name == name && !validator.HasTokenForm(cookie.Value)
	})
}

// yieldToApplication leaves a cookie alone that has the name of the request's token and is the application's, as if a token
// of another realm were in it.
func (v *visit) yieldToApplication(token validator.TokenCredential) {
	if token.Presence != validator.Absent || v.combined != nil || !v.site.SurmisesTokens() {
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

func errCookieConflict(sessionCookies, realm string) error {
	return fmt.Errorf("session_cookie %s can be the token_cookie of realm %s; give that another name", sessionCookies, realm)
}
