package carrier

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

// MaxSetCookie is the most that browsers keep of a cookie: name, value and attributes together (RFC 6265 section 6.1).
const MaxSetCookie = 4096

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

// SetDefaults sets what the configuration leaves out.
func (c *TokenCookie) SetDefaults() {
	option.SetDefault(&c.Path, "/")
	option.SetDefault(&c.SameSite, "lax")
	option.SetDefault(&c.Secure, "auto")
}

const HostPrefix = "__Host-"

// PlainName is the cookie's name on responses that are not secure.
func (c *TokenCookie) PlainName(realm string) string {
	if c.Name != "" {
		return c.Name
	}
	return "jwt_" + realm
}

// SecureName is the cookie's name on secure responses.
func (c *TokenCookie) SecureName(realm string) string {
	if c.Name == "" && c.Path == "/" && c.Domain == "" {
		return HostPrefix + c.PlainName(realm)
	}
	return c.PlainName(realm)
}

// NameFor returns the cookie's name on responses that are secure, or on those that are not.
func (c *TokenCookie) NameFor(realm string, secure bool) string {
	if secure {
		return c.SecureName(realm)
	}
	return c.PlainName(realm)
}

// IsSecure says whether the response to this request is a secure one for the browser.
func (c *TokenCookie) IsSecure(r *http.Request) bool {
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

// Set returns the Set-Cookie line that gives the browser the token, for as long as it is open if maxAge is 0.
func (c *TokenCookie) Set(realm, token string, maxAge time.Duration, secure bool) string {
	cookie := c.cookie(realm, token, secure)
	cookie.MaxAge = int(maxAge / time.Second)
	return cookie.String()
}

// Clear returns the Set-Cookie line that takes the token from the browser.
func (c *TokenCookie) Clear(realm string, secure bool) string {
	cookie := c.cookie(realm, "", secure)
	cookie.MaxAge = -1
	return cookie.String()
}

func (c *TokenCookie) cookie(realm, value string, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: c.NameFor(realm, secure), Value: value, Path: c.Path, Domain: c.Domain,
		Secure: secure, HttpOnly: true, SameSite: sameSite[c.SameSite],
	}
}

// SameSites are the names that sameSite knows.
var SameSites = []string{"lax", "strict", "none"}

var sameSite = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// Validate checks the rules that browsers hold cookies to, which net/http does not (RFC 6265bis section 4.1.3).
func (c *TokenCookie) Validate(realm string) error {
	if err := c.cookie(realm, "", true).Valid(); err != nil {
		return fmt.Errorf("checking the cookie %q: %w", c.PlainName(realm), err)
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
