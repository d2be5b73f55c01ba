package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
	attempt := signIn{
		State: secret.New(), Nonce: secret.New(), Issuer: c.Issuer, Realm: c.Realm, Began: c.app.Now().Unix(),
		Return: c.localReturn(r.URL.Query().Get("return")),
	}
	if c.Response == ResponseCode {
		attempt.Verifier = secret.New()
	}
	if earlier := parts.site.Session.Cookies.Read(cookies); earlier.Presence == validator.Present {
		attempt.Earlier = &earlier.Hash
	}
	location, err := c.authorization(metadata.AuthorizationEndpoint, attempt, c.redirectURI(r, parts.site.Token.Cookie.IsSecure(r)))
	if err != nil {
		return unavailable(w, err)
	}
	cookie, err := sealSignIn(parts.gateway.Keys.Current(), attempt)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, errors.New("sealing the state of a sign-in failed"))
	}
	if len(cookie.String()) > carrier.MaxSetCookie {
		attempt.Return = c.Redirect
		if cookie, err = sealSignIn(parts.gateway.Keys.Current(), attempt); err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, errors.New("sealing the state of a sign-in failed"))
		}
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, location, http.StatusFound)
	return nil
}

// authorization returns the address that asks the provider to sign the user in (OpenID Connect Core 1.0 section 3.1.2.1).
func (c *Callback) authorization(endpoint string, attempt signIn, redirectURI string) (string, error) {
	address, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return "", fmt.Errorf("%w: it names no authorization endpoint", issuer.ErrUnavailable)
	}
	query := address.Query()
	for name, value := range map[string]string{
		"client_id": c.clientID, "redirect_uri": redirectURI, "scope": strings.Join(c.Scope, " "),
		"state": attempt.State, "nonce": attempt.Nonce,
	} {
		query.Set(name, value)
	}
	if c.Response == ResponseCode {
		challenge := sha256.Sum256([]byte(attempt.Verifier))
		query.Set("response_type", "code")
		query.Set("code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]))
		query.Set("code_challenge_method", "S256")
	} else {
		query.Set("response_type", "id_token token")
		query.Set("response_mode", "form_post")
	}
	address.RawQuery = query.Encode()
	return address.String(), nil
}
