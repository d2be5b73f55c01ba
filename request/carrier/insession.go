package carrier

import (
	"fmt"
	"net/http"
	"slices"
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

// needsSecure reports whether browsers take such a cookie only as a secure one.
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

// with returns the Set-Cookie line with the session id and, unless it is empty, the token.
func (c *TokenInSessionCookie) with(name, id, token string, secure bool) string {
	return c.line(name, validator.JoinCombined(id, token), time.Duration(c.MaxAge), secure)
}

// remove returns the Set-Cookie line that takes the cookie from the browser.
func (c *TokenInSessionCookie) remove(name string, secure bool) string {
	return c.line(name, "", -time.Second, secure)
}

// variant returns the place that is configured.
func (c *TokenInSessionCookie) variant(name string, r cookie.Request) cookie.Variant {
	line := cookie.Line{Name: name, Path: c.Path, Domain: strings.ToLower(strings.TrimPrefix(c.Domain, "."))}
	return line.Variant(r)
}

// withToken returns the application's Set-Cookie line with the token added to its value. Its attributes stay; a cookie
// with a token is never one that scripts can read, nor one that leaves a secure connection.
func withToken(text, token string, secure bool) string {
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

// IsSame reports whether both are absent, or have the same options.
func (c *TokenInSessionCookie) IsSame(other *TokenInSessionCookie) bool {
	if c == nil || other == nil {
		return c == other
	}
	return *c == *other
}

// InSession is the session cookie that carries the token beside the session id, on the way of one request. It is another way
// to read a token and to hand one out. What is decided is the same.
type InSession struct {
	Cookie *TokenInSessionCookie
	// Name is the name of the session cookie.
	Name string
	// Secure reports whether the response is a secure one for the browser.
	Secure bool
	// Carried holds the tokens that came beside session ids, of all cookies.
	Carried validator.Cookies
	// IsTaken reports whether another realm's handler already writes this cookie in this exchange. One writer is enough.
	IsTaken bool
}

// Read returns the token that came.
func (i *InSession) Read() validator.TokenCredential { return validator.ReadToken(i.Carried, i.Name) }

// came reports whether this cookie carried a token, or several.
func (i *InSession) came() bool {
	return slices.ContainsFunc(i.Carried, func(one validator.Cookie) bool { return one.Name == i.Name })
}

// Kept returns the token as it came, not verified. It is empty if none came or two that differ.
func (i *InSession) Kept() string {
	if i.Read().Presence != validator.Present {
		return ""
	}
	for _, one := range i.Carried {
		if one.Name == i.Name {
			return one.Value
		}
	}
	return ""
}

// Taken reports a cookie that another realm's handler writes.
func (i *InSession) Taken() string {
	if !i.IsTaken {
		return ""
	}
	return "a token of another realm is where this realm's would be; give one of them another token_cookie"
}

// idIn returns the application's session id.
func (i *InSession) idIn(held validator.Cookies) string {
	for _, one := range held {
		if one.Name == i.Name {
			return one.Value
		}
	}
	return ""
}

// Give returns the line with the session id and the token.
func (i *InSession) Give(held validator.Cookies, token string, _ time.Duration) string {
	return i.Cookie.with(i.Name, i.idIn(held), token, i.Secure)
}

// Take returns the line that leaves the session id alone in the cookie, or nothing where it is not clear which that is.
func (i *InSession) Take(held Held) string {
	switch held.Presence {
	case validator.Present:
		if held.IsDoubtful() {
			return ""
		}
		return i.Cookie.with(i.Name, i.idIn(held.Cookies), "", i.Secure)
	case validator.Absent:
		return i.Cookie.remove(i.Name, i.Secure)
	default:
		return ""
	}
}

// IsSet reports whether the application sets the cookie that carries the token. That it removes another variant of the
// cookie says nothing of ours.
func (i *InSession) IsSet(lines []string, at cookie.Request, now time.Time) bool {
	ours := i.Cookie.variant(i.Name, at)
	return slices.ContainsFunc(lines, func(text string) bool {
		line := cookie.ReadLine(text)
		return line.Name == i.Name && (!line.Removes(now) || line.Variant(at) == ours)
	})
}

// RemoveSession returns a line that removes the cookie from the place that is configured.
func (i *InSession) RemoveSession(name string) string { return i.Cookie.remove(name, i.Secure) }

// Join is for responses in which the application sets the session cookie itself. A line that repeats the value takes the
// token along, since the browser keeps nothing of the old value. A new session has no token yet.
func (i *InSession) Join(header http.Header, joining Joining) Joined {
	if i.IsTaken || !cookie.Sets(header["Set-Cookie"], i.Name) {
		return Joined{}
	}
	ours := i.Cookie.variant(i.Name, joining.At)
	lines, joined, repeats := make([]string, 0, len(header["Set-Cookie"])+1), Joined{}, false
	for _, text := range header["Set-Cookie"] {
		line := cookie.ReadLine(text)
		if line.Name != i.Name {
			continue
		}
		place := line.Variant(joining.At)
		joined.Astray = joined.Astray || place != ours && (!line.Removes(joining.Now) || joining.Keeps(place))
		repeats = repeats || !line.Removes(joining.Now) && cookie.IsSame(joining.Sent, line)
	}
	if joined.Astray && i.came() {
		// Before the application's own, so that this stays whatever the browser takes for the same cookie.
		lines = append(lines, i.Cookie.remove(i.Name, i.Secure))
	}
	token := ""
	if repeats && !joined.Astray && joining.Token != nil {
		token = joining.Token()
	}
	for _, text := range header["Set-Cookie"] {
		line, carries := i.joinLine(text, token, joining)
		lines, joined.Carries = append(lines, line), joined.Carries || carries
	}
	header["Set-Cookie"] = lines
	return joined
}

// joinLine returns the application's line as it is to go out, and whether it carries the token. A new session id that looks
// like a combined value is written as one, without a token.
func (i *InSession) joinLine(text, token string, joining Joining) (joined string, carries bool) {
	line := cookie.ReadLine(text)
	if line.Name != i.Name || line.Removes(joining.Now) {
		return text, false
	}
	if token != "" && cookie.IsSame(joining.Sent, line) {
		if joined = withToken(text, token, i.Secure); joining.Fits(joined) {
			return joined, true
		}
	}
	if validator.JoinCombined(line.Value, "") != line.Value {
		return withToken(text, "", i.Secure), false
	}
	return text, false
}
