package callback

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/secret"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// signInParts are the parts that a sign-in needs: the realm's site, the open store with the keys, and the provider.
type signInParts struct {
	site     *app.Site
	gateway  *app.Core
	provider *issuer.Provider
}

// parts returns the parts that a sign-in needs, or an error with the status 503.
func (c *Callback) parts(w http.ResponseWriter) (signInParts, error) {
	site, err := c.site()
	if err != nil {
		return signInParts{}, caddyhttp.Error(http.StatusInternalServerError, err)
	}
	open, err := c.app.CoreForRequest()
	if err != nil {
		return signInParts{}, unavailable(w, errors.New("the session store is not open"))
	}
	provider, err := c.app.Provider(c.options())
	if err != nil {
		return signInParts{}, unavailable(w, err)
	}
	return signInParts{site: site, gateway: open, provider: provider}, nil
}

// unavailable answers that the provider or the store could not be asked: neither yes nor no.
func unavailable(w http.ResponseWriter, err error) error {
	w.Header().Set("Retry-After", refusal.RetryAfter)
	return caddyhttp.Error(http.StatusServiceUnavailable, err)
}

// begin sends the browser to the provider.
func (c *Callback) begin(w http.ResponseWriter, r *http.Request) error {
	parts, err := c.parts(w)
	if err != nil {
		return err
	}
	metadata, err := parts.provider.Metadata(r.Context())
	if err != nil {
		return unavailable(w, err)
	}
	cookies, err := validator.ScanCookies(journey.Of(c.app.Names(), r).Cookies)
	if err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	query := r.URL.Query()
	attempt := signIn{
		State: secret.New(), Nonce: secret.New(), Issuer: c.Issuer, Realm: c.Realm, Began: c.app.Now().Unix(),
		Return: c.localReturn(query.Get("return")),
	}
	maxAge := maxAgeOf(c.maxAge(), query.Get("max_age"))
	if maxAge != nil {
		attempt.Since = max(attempt.Began-*maxAge, 1)
	}
	if c.Response == ResponseCode {
		attempt.Verifier = secret.New()
	}
	if earlier := parts.site.Session.Cookies.Read(cookies); earlier.Presence == validator.Present {
		attempt.Earlier = &earlier.Hash
	}
	location, err := authorization{
		endpoint: metadata.AuthorizationEndpoint, redirectURI: c.address(r, parts.site, c.Finish), attempt: attempt,
		fixed: c.parameters(), response: c.Response, maxAge: maxAge,
	}.address()
	if err != nil {
		return unavailable(w, err)
	}
	if err := c.keep(w, parts, attempt, cookies); err != nil {
		return err
	}
	http.Redirect(w, r, location, http.StatusFound)
	return nil
}

// keep gives the browser the cookie of a sign-in, and takes from it those that there is no room for. A page to return to that
// is too long for a cookie is forgotten.
func (c *Callback) keep(w http.ResponseWriter, parts signInParts, attempt signIn, cookies validator.Cookies) error {
	keys := parts.gateway.Keys.Current()
	cookie, err := attempt.seal(keys)
	if err == nil && len(cookie.String()) > carrier.MaxSetCookie {
		attempt.Return = c.Redirect
		cookie, err = attempt.seal(keys)
	}
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, errors.New("sealing the state of a sign-in failed"))
	}
	for _, name := range readSignIns(keys, cookies, c.app.Now()).surplus(len(cookie.Name) + len(cookie.Value)) {
		w.Header().Add("Set-Cookie", removeSignInCookie(name))
	}
	http.SetCookie(w, cookie)
	named, err := nameSignIn(keys, attempt.State)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, errors.New("sealing the state of a sign-in failed"))
	}
	http.SetCookie(w, named)
	return nil
}

// maxAge returns the option in seconds, or nil.
func (c *Callback) maxAge() *int64 {
	if c.MaxAge == nil {
		return nil
	}
	seconds := int64(time.Duration(*c.MaxAge) / time.Second)
	return &seconds
}

// parameters returns what the provider is asked with every sign-in.
func (c *Callback) parameters() map[string]string {
	fixed := maps.Clone(c.AuthorizationParameters)
	if fixed == nil {
		fixed = make(map[string]string)
	}
	fixed["client_id"], fixed["scope"] = c.client.ID, strings.Join(c.Scope, " ")
	if len(c.Prompt) > 0 {
		fixed["prompt"] = strings.Join(c.Prompt, " ")
	}
	if len(c.ACRValues) > 0 {
		fixed["acr_values"] = strings.Join(c.ACRValues, " ")
	}
	return fixed
}
