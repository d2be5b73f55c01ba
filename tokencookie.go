package jwtsession

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// maxSetCookie is the most that browsers keep of a cookie: name, value and attributes together (RFC 6265 section 6.1).
const maxSetCookie = 4096

// TokenCookie is the cookie that carries our token. It is always `HttpOnly`, and a session cookie as browsers have it:
// without `Max-Age`, except in mode `stateless`, where it lasts as long as the token.
type TokenCookie struct {
	// The name. By default it is `jwt_<realm>`, with `__Host-` in front where the response is secure, the path is `/` and
	// no domain is set. By default, where the realm has placeholders, a cookie of such a name whose value has not the form of
	// a token is the application's.
	Name string `json:"name,omitempty"`

	// The domain. Default: none, so the host alone.
	Domain string `json:"domain,omitempty"`

	// The path. Default: `/`.
	Path string `json:"path,omitempty"`

	// `lax`, `strict` or `none`. Default: `lax`.
	SameSite string `json:"same_site,omitempty"`

	// `auto` marks the cookie as Secure where the client came by TLS, or by a trusted proxy that says so; `always` and
	// `never` are what they say. Default: `auto`.
	Secure string `json:"secure,omitempty"`
}

func (c *TokenCookie) setDefaults() {
	setDefault(&c.Path, "/")
	setDefault(&c.SameSite, "lax")
	setDefault(&c.Secure, "auto")
}

const hostPrefix = "__Host-"

// plainName is the cookie's name on responses that are not secure.
func (c *TokenCookie) plainName(realm string) string {
	if c.Name != "" {
		return c.Name
	}
	return "jwt_" + realm
}

// secureName is the cookie's name on secure responses.
func (c *TokenCookie) secureName(realm string) string {
	if c.Name == "" && c.Path == "/" && c.Domain == "" {
		return hostPrefix + c.plainName(realm)
	}
	return c.plainName(realm)
}

func (c *TokenCookie) name(realm string, secure bool) string {
	if secure {
		return c.secureName(realm)
	}
	return c.plainName(realm)
}

// isTokenCookie says whether a cookie of this name can be the token cookie of some request to this handler.
func (h *Handler) isTokenCookie(name string) bool {
	if h.TokenCookie.Name != "" {
		return name == h.TokenCookie.Name
	}
	realm, ours := strings.CutPrefix(strings.TrimPrefix(name, hostPrefix), "jwt_")
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
	name := v.TokenCookie.name(v.realm, v.secure)
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
			if pair[0].sessionCookies.Match(cookie.plainName(example)) || pair[0].sessionCookies.Match(cookie.secureName(example)) ||
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

// isSecure says whether the response to this request is a secure one for the browser.
func (c *TokenCookie) isSecure(r *http.Request) bool {
	switch c.Secure {
	case "always":
		return true
	case "never":
		return false
	}
	if r.TLS != nil {
		return true
	}
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// set returns the Set-Cookie line that gives the browser the token, for as long as it is open if maxAge is 0.
func (c *TokenCookie) set(realm, token string, maxAge time.Duration, secure bool) string {
	cookie := c.cookie(realm, token, secure)
	cookie.MaxAge = int(maxAge / time.Second)
	return cookie.String()
}

// clear returns the Set-Cookie line that takes the token from the browser.
func (c *TokenCookie) clear(realm string, secure bool) string {
	cookie := c.cookie(realm, "", secure)
	cookie.MaxAge = -1
	return cookie.String()
}

func (c *TokenCookie) cookie(realm, value string, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: c.name(realm, secure), Value: value, Path: c.Path, Domain: c.Domain,
		Secure: secure, HttpOnly: true, SameSite: sameSite[c.SameSite],
	}
}

// sameSites are the names that sameSite knows.
var sameSites = []string{"lax", "strict", "none"}

var sameSite = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// validate checks the rules that browsers hold cookies to, which net/http does not (RFC 6265bis section 4.1.3).
func (c *TokenCookie) validate(realm string) error {
	if err := c.cookie(realm, "", true).Valid(); err != nil {
		return fmt.Errorf("checking the cookie %q: %w", c.plainName(realm), err)
	}
	if !strings.HasPrefix(c.Path, "/") {
		return fmt.Errorf("the path %q must begin with /", c.Path)
	}
	if strings.ContainsAny(c.Domain+c.Path, "{}") {
		return errors.New("domain and path are fixed; placeholders do not work there")
	}
	if _, known := sameSite[c.SameSite]; !known {
		return fmt.Errorf("same_site: %q is not known; want lax, strict or none", c.SameSite)
	}
	switch c.Secure {
	case "auto", "always", "never":
	default:
		return fmt.Errorf("secure: %q is not known; want auto, always or never", c.Secure)
	}
	if c.SameSite == "none" && c.Secure != "always" {
		return errors.New("same_site none: browsers take such a cookie only with `secure always`")
	}
	return c.validatePrefix()
}

// validatePrefix checks a configured name's prefix, which browsers compare in any case of letters.
func (c *TokenCookie) validatePrefix() error {
	isHost := strings.HasPrefix(strings.ToLower(c.Name), "__host-")
	if prefixNeedsSecure(c.Name) && c.Secure != "always" {
		return fmt.Errorf("the name %q: browsers take a cookie with this prefix only with `secure always`", c.Name)
	}
	if isHost && (c.Path != "/" || c.Domain != "") {
		return fmt.Errorf("the name %q: browsers take a cookie with this prefix only with the path / and without a domain", c.Name)
	}
	return nil
}

// prefixNeedsSecure says whether browsers take a cookie of this name only as a secure one.
func prefixNeedsSecure(name string) bool {
	for _, prefix := range []string{"__host-", "__secure-", "__http-"} {
		if strings.HasPrefix(strings.ToLower(name), prefix) {
			return true
		}
	}
	return false
}
