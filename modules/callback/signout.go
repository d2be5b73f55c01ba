package callback

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/secret"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// maySignOut reports whether the request comes from a page of this site or from the user alone, so that no other site signs
// users out. A POST that says nothing of its origin is from no browser that could be misled. A GET must say it, and must not be
// an image, or a page that is fetched in advance.
func maySignOut(r *http.Request) bool {
	if r.Method == http.MethodPost {
		return new(http.CrossOriginProtection).Check(r) == nil
	}
	header := r.Header
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(strings.ToLower(header.Get(name)), "prefetch") {
			return false
		}
	}
	switch header.Get("Sec-Fetch-Dest") {
	case "", "document", "empty":
	default:
		return false
	}
	site, origin := header.Values("Sec-Fetch-Site"), header.Values("Origin")
	switch {
	case len(site) == 1:
		return site[0] == "same-origin" || site[0] == "none"
	case len(site) > 1 || len(origin) != 1:
		return false
	}
	from, err := url.Parse(origin[0])
	return err == nil && from.Host != "" && from.Host == r.Host
}

// signOut is one sign-out.
type signOut struct {
	realm   string
	request *http.Request
	names   *app.Names
	gateway *app.Core
	logger  *zap.Logger
	cookies validator.Cookies
	carried validator.Cookies // tokens that came beside session ids
	now     time.Time
}

// end ends the sessions that came with the request: those that its session cookies can stand for, and those that its tokens
// are bound to. An end is in force at once, also where it can't be kept yet.
func (s signOut) end() {
	ctx := context.WithoutCancel(s.request.Context())
	for key, authTime := range s.found(ctx) {
		if _, err := s.gateway.Ledger.End(ctx, key, authTime); err != nil {
			telemetry.CountStoreError(err)
			s.logger.Error("keeping the end of a session: it is in force, and will be tried again",
				zap.String("realm", s.realm), zap.Error(err))
		}
	}
}

// found returns the sessions that came, each with the auth_time that a token proves or 0.
func (s signOut) found(ctx context.Context) map[sessions.Key]int64 {
	found := make(map[sessions.Key]int64)
	for _, site := range s.sites() {
		for _, hash := range site.Session.Cookies.Candidates(s.cookies) {
			key := sessions.Key{Realm: s.realm, Hash: hash}
			found[key] = max(found[key], 0)
		}
		for _, token := range s.tokens(site) {
			claims, reason := s.gateway.Authenticate(ctx, token)
			if reason != "" || claims.Realm() != s.realm || claims.Expires() <= s.now.Unix() {
				continue
			}
			key := claims.SessionKey()
			found[key] = max(found[key], claims.AuthTime())
		}
	}
	return found
}

// sites returns the sites of the realm, which may differ in their cookies.
func (s signOut) sites() []*app.Site {
	return slices.DeleteFunc(slices.Clone(s.names.Sites()), func(site *app.Site) bool { return !site.Realm.Matches(s.realm) })
}

// tokens returns the texts that came where a token of the site can be.
func (s signOut) tokens(site *app.Site) []string {
	name, from := site.Token.Cookie.NameFor(s.realm, site.Token.Cookie.IsSecure(s.request)), s.cookies
	if site.Token.InSessionCookie != nil {
		name, from = site.CombinedCookie(), s.carried
	}
	var texts []string
	for _, one := range from {
		if one.Name == name && one.Value != "" && !slices.Contains(texts, one.Value) {
			texts = append(texts, one.Value)
		}
	}
	return texts
}

// idToken returns the ID token in the cookie of the name, or nothing.
func (s signOut) idToken(name string) string {
	if name == "" {
		return ""
	}
	token, _ := s.cookies.Only(name)
	return token
}

// clear takes the session, our token and the cookies of the realm's sign-ins from the browser.
func (s signOut) clear(header http.Header) {
	var lines []string
	for _, site := range s.sites() {
		secure := site.Token.Cookie.IsSecure(s.request)
		var token carrier.Carrier = &carrier.Own{Cookie: site.Token.Cookie, Realm: s.realm, Secure: secure, Sent: &s.cookies}
		if in := site.Token.InSessionCookie; in != nil {
			token = &carrier.InSession{Cookie: in, Name: site.CombinedCookie(), Secure: secure, Carried: s.carried}
		}
		for _, name := range site.Session.Cookies.Names() {
			lines = append(lines, token.RemoveSession(name))
		}
		lines = append(lines, token.Take(carrier.Held{Presence: validator.Absent}))
	}
	for _, one := range s.names.SignIns() {
		for _, name := range []string{one.IDTokenCookie, one.AccessTokenCookie} {
			if one.Realm == s.realm && name != "" {
				lines = append(lines, carrier.RemoveSignIn(name))
			}
		}
	}
	keys := s.gateway.Keys.Current()
	signIns := readSignIns(keys, s.cookies, s.now)
	for _, name := range signIns.of(s.realm) {
		lines = append(lines, removeSignInCookie(name))
	}
	lines = append(lines, signIns.naming(keys, func(one signIn) bool { return one.Realm == s.realm }))
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		header.Add("Set-Cookie", line)
	}
}

var errNotFromHere = errors.New("want a POST, or a link on a page of this site; other sites can't sign users out")

// answerSignOut ends the session here, and sends the browser to the provider to end the one there (OpenID Connect RP-Initiated
// Logout 1.0). A provider that does not answer, or has no such place, leaves it at the end here.
func answerSignOut(c *Callback, w http.ResponseWriter, r *http.Request) error {
	if !maySignOut(r) {
		return caddyhttp.Error(http.StatusForbidden, errNotFromHere)
	}
	parts, err := c.parts(w)
	if err != nil {
		return err
	}
	way := journey.Of(c.app.Names(), r)
	cookies, err := validator.ScanCookies(way.Cookies)
	if err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	one := signOut{
		realm: c.Realm, request: r, names: c.app.Names(), gateway: parts.gateway, logger: c.logger, cookies: cookies,
		carried: way.Carried, now: c.app.Now(),
	}
	one.end()
	one.clear(w.Header())
	metadata, err := parts.provider.Metadata(r.Context())
	if err != nil && c.warnings.Due("sign_out", one.now) {
		c.logger.Warn("sign_out: the identity provider does not answer, so users stay signed in there",
			zap.String("realm", c.Realm), zap.Error(err))
	}
	location := endSession{
		endpoint: metadata.EndSessionEndpoint, idToken: one.idToken(c.IDTokenCookie), clientID: c.client.ID,
		back: c.address(r, parts.site, c.SignedOut), more: c.SignOutParameters,
	}.address()
	http.Redirect(w, r, cmp.Or(location, c.SignedOut), http.StatusSeeOther)
	return nil
}

// placeholderSignedOut stands for the address that the browser goes to afterwards.
const placeholderSignedOut = "{http.jwt_session.signed_out}"

// isReservedAtSignOut reports whether no option may set the parameter of a request to sign a user out.
func isReservedAtSignOut(parameter string) bool {
	return slices.Contains([]string{
		"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "client_secret", "client_assertion", "client_assertion_type",
	}, parameter)
}

// endSession is what a provider is told of a user who signs out.
type endSession struct {
	endpoint string
	idToken  string // as the browser has it; the provider verifies it
	clientID string
	back     string            // where the browser goes afterwards
	more     map[string]string // further parameters
}

// address returns where the browser goes, and nothing if the provider has no such place. A provider that has its own name for
// where the browser goes afterwards knows no other parameter of the standard than client_id.
func (e endSession) address() string {
	address, err := url.Parse(e.endpoint)
	if err != nil || e.endpoint == "" {
		return ""
	}
	query, isStandard := address.Query(), true
	for name, value := range e.more {
		told := strings.ReplaceAll(value, placeholderSignedOut, e.back)
		isStandard = isStandard && told == value
		query.Set(name, told)
	}
	if isStandard && e.idToken != "" {
		query.Set("id_token_hint", e.idToken)
	} else {
		query.Set("client_id", e.clientID)
	}
	if isStandard {
		query.Set("post_logout_redirect_uri", e.back)
		query.Set("state", secret.New())
	}
	address.RawQuery = query.Encode()
	return address.String()
}
