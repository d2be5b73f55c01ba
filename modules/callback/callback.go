package callback

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(new(Callback))
}

// Callback signs users in at an OpenID provider and opens their sessions, for applications that don't do so themselves.
//
// A request for the start path sends the browser to the provider. What the provider sends back to the finish path is
// verified, a new session is opened in the realm, under a random id in the realm's session cookie, and the browser goes on
// to a page of this site. The application is never asked about such a session. A session that the browser had before has
// ended. The realm needs a `jwt_session` handler, with one session cookie.
//
// A sign-in that can't be tied to its start in the same browser is answered with 400.
type Callback struct {
	// The name of the realm that sessions are opened in; it has no placeholders. Required.
	Realm string `json:"realm"`

	// The provider's name, as its metadata and its tokens have it. Required.
	Issuer string `json:"issuer"`

	// The name that the provider knows this gateway by. Placeholders such as `{env.OIDC_CLIENT}` work. Required.
	ClientID string `json:"client_id"`

	// The secret that goes with it. Placeholders such as `{env.OIDC_SECRET}` and `{file./run/secrets/oidc}` work. Required
	// with `code`, and an error with `form_post`.
	ClientSecret string `json:"client_secret,omitempty"`

	// Whom access tokens of the sign-in must be for, as their claim `aud` has it. Where it is set, the access token that
	// comes with a sign-in is verified and must be the same user's. Default: access tokens are not looked into.
	Audience string `json:"audience,omitempty"`

	// What the provider is asked for. Default: `["openid"]`.
	Scope []string `json:"scope,omitempty"`

	// The path that begins a sign-in; `?return=<path>` says where the user goes afterwards. Default: `/auth/login`.
	Start string `json:"start,omitempty"`

	// The path that the provider sends the user back to: the address registered there. Default: `/auth/callback`.
	Finish string `json:"finish,omitempty"`

	// Where the user goes afterwards, unless the start said so: a path on this site. Default: `/`.
	Redirect string `json:"redirect,omitempty"`

	// How the provider answers. `code` is the code flow with PKCE, `form_post` brings the tokens through the browser.
	// Default: `code`.
	Response string `json:"response,omitempty"`

	// A cookie that shows the ID token to the page. It is cleared when the session ends. Default: none.
	IDTokenCookie string `json:"id_token_cookie,omitempty"`

	// A cookie that keeps the access token, out of reach of the page, for an `issuer` with `from cookie`. Needs `audience`.
	// It is cleared when the session ends, and the token counts only beside an active session of the realm, or a usable
	// token, of the same user. Default: none.
	AccessTokenCookie string `json:"access_token_cookie,omitempty"`

	app      *app.App
	logger   *zap.Logger
	clientID string
	secret   string
}

// The ways in which a provider answers.
const (
	ResponseCode     = "code"
	ResponseFormPost = "form_post"
)

const (
	defaultStartPath  = "/auth/login"
	defaultFinishPath = "/auth/callback"
	scopeOpenID       = "openid"
)

// CaddyModule returns the Caddy module information.
func (*Callback) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_callback",
		New: func() caddy.Module { return new(Callback) },
	}
}

// Provision sets the defaults. It asks nobody.
func (c *Callback) Provision(ctx caddy.Context) error {
	c.logger = ctx.Logger()
	option.SetDefault(&c.Start, defaultStartPath)
	option.SetDefault(&c.Finish, defaultFinishPath)
	option.SetDefault(&c.Redirect, "/")
	option.SetDefault(&c.Response, ResponseCode)
	if len(c.Scope) == 0 {
		c.Scope = []string{scopeOpenID}
	}
	var err error
	if c.clientID, err = option.Expanded(c.ClientID); err != nil {
		return c.named(fmt.Errorf("client_id: %w", err))
	}
	if c.secret, err = option.Expanded(c.ClientSecret); err != nil {
		return c.named(fmt.Errorf("client_secret: %w", err))
	}
	if c.app, err = app.Of(ctx); err != nil {
		return err
	}
	c.app.OnStart(c.open)
	return nil
}

// names returns what the callback says of itself.
func (c *Callback) names() app.SignInNames {
	own := app.SignInNames{Realm: c.Realm, StartPath: c.Start, IDTokenCookie: c.IDTokenCookie, AccessTokenCookie: c.AccessTokenCookie}
	if c.Response == ResponseFormPost {
		own.FormPostPath = c.Finish
	}
	return own
}

func (c *Callback) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("jwt_session_callback %s: %w", c.Realm, err)
}

// Validate checks the finished configuration.
func (c *Callback) Validate() error {
	if err := c.validate(); err != nil {
		return c.named(err)
	}
	return c.app.Names().AddSignIn(c.names())
}

func (c *Callback) validate() error {
	if !realm.IsText(c.Realm) {
		return fmt.Errorf("the realm %q must be letters, digits, _ and -", c.Realm)
	}
	if err := issuer.CheckIssuer(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	switch {
	case c.clientID == "":
		return errors.New("client_id: want the name that the provider knows this gateway by")
	case c.Response != ResponseCode && c.Response != ResponseFormPost:
		return fmt.Errorf("response %s: want %s or %s", c.Response, ResponseCode, ResponseFormPost)
	case c.Response == ResponseCode && c.secret == "":
		return errors.New("client_secret: want the secret that the provider gave, to redeem codes with; placeholders such as {env.X} work")
	case !slices.Contains(c.Scope, scopeOpenID):
		return fmt.Errorf("scope %s: it must have openid, or there is no ID token", strings.Join(c.Scope, " "))
	}
	if err := c.contradiction(); err != nil {
		return err
	}
	for option, path := range map[string]string{"start": c.Start, "finish": c.Finish, "redirect": c.Redirect} {
		if !refusal.IsLocalURI(path) || option != "redirect" && strings.ContainsAny(path, "?#") {
			return fmt.Errorf("%s %q: want a path on this site that begins with /", option, path)
		}
	}
	return c.validateCookies()
}

// contradiction says which of the options that are set can't stand together, or not without another one.
func (c *Callback) contradiction() error {
	switch {
	case c.Response == ResponseFormPost && c.ClientSecret != "":
		return errors.New("client_secret: with response form_post there is no code to redeem; leave it out")
	case c.AccessTokenCookie != "" && c.Audience == "":
		return errors.New("access_token_cookie: say with audience whom the access tokens must be for")
	case c.Start != "" && c.Start == c.Finish:
		return fmt.Errorf("start and finish are the same path %s", c.Start)
	case c.IDTokenCookie != "" && c.IDTokenCookie == c.AccessTokenCookie:
		return fmt.Errorf("id_token_cookie %s: that is the name of another cookie of the sign-in", c.IDTokenCookie)
	}
	return nil
}

func (c *Callback) validateCookies() error {
	for option, name := range map[string]string{"id_token_cookie": c.IDTokenCookie, "access_token_cookie": c.AccessTokenCookie} {
		switch {
		case name == "":
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("%s %q: not a cookie name (RFC 6265 section 4.1.1)", option, name)
		case name == StateCookie:
			return fmt.Errorf("%s %s: that is the name of another cookie of the sign-in", option, name)
		}
	}
	return nil
}

// site returns a site of the realm, whose session cookie and times count. Start makes sure that there is one.
func (c *Callback) site() (*app.Site, error) {
	if site := c.app.Names().SiteOf(c.Realm); site != nil {
		return site, nil
	}
	return nil, fmt.Errorf("there is no jwt_session handler of the realm %s, so that nobody could use its sessions%s",
		c.Realm, c.app.Names().OtherSpelling(c.Realm))
}

// open makes sure that the callback can work, and begins to ask its provider.
func (c *Callback) open() error {
	if _, err := c.site(); err != nil {
		return c.named(err)
	}
	_, err := c.app.Provider(c.options())
	return c.named(err)
}

func (c *Callback) options() issuer.Options {
	return issuer.Options{Issuer: c.Issuer, RefreshMin: issuer.DefaultRefreshMin, StaleMax: issuer.DefaultStaleMax}
}

// ServeHTTP answers requests for the start and the finish path, and passes all others on.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	switch {
	case journey.IsAt(r, c.Start):
		return c.serve(w, r, http.MethodGet, c.begin)
	case journey.IsAt(r, c.Finish):
		method := http.MethodGet
		if c.Response == ResponseFormPost {
			method = http.MethodPost
		}
		return c.serve(w, r, method, c.finish)
	default:
		return next.ServeHTTP(w, r)
	}
}

func (c *Callback) serve(w http.ResponseWriter, r *http.Request, method string, answer func(http.ResponseWriter, *http.Request) error) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Method != method {
		w.Header().Set("Allow", method)
		return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("want %s", method))
	}
	return answer(w, r)
}

// redirectURI is the address of the finish path as the browser knows it, which is registered at the provider.
func (c *Callback) redirectURI(r *http.Request, secure bool) string {
	address := url.URL{Scheme: "http", Host: r.Host, Path: c.Finish}
	if secure {
		address.Scheme = "https"
	}
	return address.String()
}

// localReturn returns where the user goes after a sign-in, the configured page where the text is no path on this site.
func (c *Callback) localReturn(path string) string {
	if path == "" || !refusal.IsLocalURI(path) || strings.Contains(path, `\`) {
		return c.Redirect
	}
	return path
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Callback)(nil)
	_ caddy.Validator             = (*Callback)(nil)
	_ caddyhttp.MiddlewareHandler = (*Callback)(nil)
)
