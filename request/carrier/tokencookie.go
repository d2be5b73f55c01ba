package carrier

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
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

	// Mark the cookie as Partitioned (CHIPS), for an application that pages of other sites have in a frame: browsers keep one
	// such cookie for each of these sites. It needs `secure: always`, and in such a frame `same_site: none`. Default: false.
	Partitioned bool `json:"partitioned,omitempty"`

	prepared *prepared
}

// IsSame reports whether both cookies have the same options.
func (c *TokenCookie) IsSame(other *TokenCookie) bool {
	own, others := *c, *other
	own.prepared, others.prepared = nil, nil
	return own == others
}

// prepared is what requests of one realm need of the cookie, on responses that are not secure and on those that are.
type prepared struct {
	realm         string
	plain, secure struct{ name, removal string }
}

// Prepare makes what requests of a fixed realm need. For all other realms it is made with each request.
func (c *TokenCookie) Prepare(realm string) {
	made := &prepared{realm: realm}
	made.plain.name, made.plain.removal = c.NameFor(realm, false), c.removalFor(realm, false)
	made.secure.name, made.secure.removal = c.NameFor(realm, true), c.removalFor(realm, true)
	c.prepared = made
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
	isPrepared := c.prepared != nil && c.prepared.realm == realm
	switch {
	case isPrepared && secure:
		return c.prepared.secure.name
	case isPrepared:
		return c.prepared.plain.name
	case secure:
		return c.SecureName(realm)
	default:
		return c.PlainName(realm)
	}
}

// removalFor returns the line that removes the cookie.
func (c *TokenCookie) removalFor(realm string, secure bool) string {
	isPrepared := c.prepared != nil && c.prepared.realm == realm
	switch {
	case isPrepared && secure:
		return c.prepared.secure.removal
	case isPrepared:
		return c.prepared.plain.removal
	}
	removal := c.cookie(c.NameFor(realm, secure), "", secure)
	removal.MaxAge = -1
	return removal.String()
}

// IsSecure reports whether the response to this request is a secure one for the browser.
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

func (c *TokenCookie) cookie(name, value string, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: c.Path, Domain: c.Domain,
		Secure: secure, HttpOnly: true, SameSite: sameSite[c.SameSite], Partitioned: c.Partitioned,
	}
}

// SameSites are the names that sameSite knows.
var SameSites = []string{"lax", "strict", "none"}

var sameSite = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// Validate checks the rules that browsers hold cookies to, which net/http does not (RFC 6265bis section 4.1.3).
func (c *TokenCookie) Validate(realm string) error {
	if err := c.cookie(c.SecureName(realm), "", true).Valid(); err != nil {
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
	if c.Partitioned && c.Secure != "always" {
		return errors.New("partitioned: browsers take such a cookie only with `secure always`")
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

// prefixNeedsSecure reports whether browsers take a cookie of this name only as a secure one.
func prefixNeedsSecure(name string) bool {
	for _, prefix := range []string{"__host-", "__secure-", "__http-"} {
		if strings.HasPrefix(strings.ToLower(name), prefix) {
			return true
		}
	}
	return false
}

// Own is a cookie of its own, on the way of one request.
type Own struct {
	Cookie *TokenCookie
	// Realm is the realm of the request.
	Realm string
	// Sent holds the cookies that came.
	Sent *validator.Cookies
	// Secure reports whether the response is a secure one for the browser.
	Secure bool
	// Surmised reports whether only the value of a cookie can tell that it is a token.
	Surmised bool
}

// Name returns the name of the cookie for this request.
func (o *Own) Name() string { return o.Cookie.NameFor(o.Realm, o.Secure) }

// Read returns the token that came.
func (o *Own) Read() validator.TokenCredential {
	name := o.Name()
	if o.Surmised {
		return validator.ReadToken(tokensAlone(*o.Sent, name), name)
	}
	return validator.ReadToken(*o.Sent, name)
}

// tokensAlone returns the cookies without those of the name that are no tokens, and so the application's.
func tokensAlone(cookies validator.Cookies, name string) validator.Cookies {
	return slices.DeleteFunc(slices.Clone(cookies), func(cookie validator.Cookie) bool {
		return cookie.Name == name && !validator.HasTokenForm(cookie.Value)
	})
}

// Taken reports a cookie of the name that is the application's.
func (o *Own) Taken() string {
	if !o.Surmised || o.Read().Presence != validator.Absent || validator.ReadToken(*o.Sent, o.Name()).Presence == validator.Absent {
		return ""
	}
	return "the application has a cookie of the name that this realm's token would have, so there is no token; give the token " +
		"another name with token_cookie"
}

// Give returns the line with the token.
func (o *Own) Give(_ validator.Cookies, token string, maxAge time.Duration) string {
	given := o.Cookie.cookie(o.Name(), token, o.Secure)
	given.MaxAge = int(maxAge / time.Second)
	return given.String()
}

// Take returns the line that removes the cookie.
func (o *Own) Take(Held) string { return o.Cookie.removalFor(o.Realm, o.Secure) }

// IsSet reports whether a line is for a cookie of the name.
func (o *Own) IsSet(lines []string, _ cookie.Request, _ time.Time) bool {
	return cookie.Sets(lines, o.Name())
}

// Join changes nothing: the application's cookies are not ours.
func (o *Own) Join(http.Header, Joining) Joined { return Joined{} }

// RemoveSession returns a line that removes the cookie at the root of the site.
func (o *Own) RemoveSession(name string) string {
	removal := http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: o.Secure, HttpOnly: true}
	return removal.String()
}
