package carrier

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// TokenInSessionCookie puts our token into the application's session cookie, for clients that can hold one cookie alone:
// the browser has `sid=<id>&jwt=<token>` in it. The application sees and sets its own cookie as ever. Where it sets the
// cookie, its attributes count; `HttpOnly`, and on secure connections `Secure`, are added where a token goes with it.
// Where it does not, the cookie gets the attributes below, which must be those that the application gives it.
type TokenInSessionCookie struct {
	// The path that the application gives its cookie. Default: `/`.
	Path string `json:"path,omitempty"`

	// The domain that the application gives its cookie. Default: none, so the host alone.
	Domain string `json:"domain,omitempty"`

	// `lax`, `strict` or `none`. Default: `lax`.
	SameSite string `json:"same_site,omitempty"`

	// How long the browser keeps the cookie. Whole seconds. Default: as long as it is open.
	MaxAge caddy.Duration `json:"max_age,omitempty"`
}

// SetDefaults sets what the configuration leaves out.
func (c *TokenInSessionCookie) SetDefaults() {
	option.SetDefault(&c.Path, "/")
	option.SetDefault(&c.SameSite, "lax")
}

// Validate checks the rules that browsers hold a cookie of this name to.
func (c *TokenInSessionCookie) Validate(name string) error {
	if age := time.Duration(c.MaxAge); age < 0 || age%time.Second != 0 {
		return fmt.Errorf("max_age %s: want whole seconds", age)
	}
	asToken := TokenCookie{Name: name, Domain: c.Domain, Path: c.Path, SameSite: c.SameSite, Secure: "auto"}
	if c.needsSecure(name) {
		asToken.Secure = "always"
	}
	return asToken.Validate("")
}

// needsSecure says whether browsers take such a cookie only as a secure one.
func (c *TokenInSessionCookie) needsSecure(name string) bool {
	return c.SameSite == "none" || prefixNeedsSecure(name)
}

// line returns the Set-Cookie line that gives the browser the value as it stands; net/http would quote and clean it.
func (c *TokenInSessionCookie) line(name, value string, maxAge time.Duration, secure bool) string {
	attributed := http.Cookie{
		Name: name, Path: c.Path, Domain: c.Domain, MaxAge: int(maxAge / time.Second),
		Secure: secure || c.needsSecure(name), HttpOnly: true, SameSite: sameSite[c.SameSite],
	}
	attributes := strings.TrimPrefix(attributed.String(), name+"=")
	return name + "=" + value + attributes
}

// Set returns the Set-Cookie line with the session id and, unless it is empty, the token.
func (c *TokenInSessionCookie) Set(name, id, token string, secure bool) string {
	return c.line(name, validator.JoinCombined(id, token), time.Duration(c.MaxAge), secure)
}

// Remove returns the Set-Cookie line that takes the cookie from the browser.
func (c *TokenInSessionCookie) Remove(name string, secure bool) string {
	return c.line(name, "", -time.Second, secure)
}

// Variant returns the place that is configured.
func (c *TokenInSessionCookie) Variant(name string, r cookie.Request) cookie.Variant {
	line := cookie.Line{Name: name, Path: c.Path, Domain: strings.ToLower(strings.TrimPrefix(c.Domain, "."))}
	return line.Variant(r)
}

// WithToken returns the application's Set-Cookie line with the token added to its value. Its attributes stay; a cookie
// with a token is never one that scripts can read, nor one that leaves a secure connection.
func WithToken(text, token string, secure bool) string {
	line := cookie.ReadLine(text)
	joined := line.Name + "=" + validator.JoinCombined(line.Value, token)
	if _, attributes, _ := strings.Cut(text, ";"); attributes != "" {
		joined += ";" + attributes
	}
	if !line.HTTPOnly {
		joined += "; HttpOnly"
	}
	if secure && !line.Secure {
		joined += "; Secure"
	}
	return joined
}

// IsSame says whether both are absent, or have the same options.
func (c *TokenInSessionCookie) IsSame(other *TokenInSessionCookie) bool {
	if c == nil || other == nil {
		return c == other
	}
	return *c == *other
}
