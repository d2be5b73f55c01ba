package callback

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
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
// A sign-in that can't be tied to its start in the same browser is answered with 400, and so is one that the user cancelled.
// Error routes can show that: `{http.jwt_session.sign_in.reason}` says why in one word, and
// `{http.jwt_session.sign_in.start}` is the address to begin again. Without error routes there is a small page. The reasons are
// `cancelled` (the user or the provider said no), `interaction_required` (with `prompt` `none`), `provider_error` (another error
// of the provider), `not_begun` (no sign-in of this answer began in this browser, or it took too long), `used` (it is over) and
// `refused` (the answer or a token in it is not accepted).
type Callback struct {
	// The name of the realm that sessions are opened in; it has no placeholders. Required.
	Realm string `json:"realm"`

	// The provider's name, as its metadata and its tokens have it. Required.
	Issuer string `json:"issuer"`

	// The name that the provider knows this gateway by. Placeholders such as `{env.OIDC_CLIENT}` work. Required.
	ClientID string `json:"client_id"`

	// The secret that goes with it. Placeholders such as `{env.OIDC_SECRET}` and `{file./run/secrets/oidc}` work. Default: none, as public clients have it;
	// PKCE protects their codes. An error with `form_post`.
	ClientSecret string `json:"client_secret,omitempty"`

	// How the secret is shown to the provider: `basic` is in the header (`client_secret_basic`), `post` is in the form, with the
	// client id (`client_secret_post`). An error without `client_secret`. Default: as the provider's metadata say, which is
	// the form where they name it and not the header, and the header otherwise.
	ClientSecretMethod string `json:"client_secret_method,omitempty"`

	// The private key that proves this gateway to the provider in the place of a secret (`private_key_jwt`). Default: none.
	ClientKey *ClientKey `json:"client_key,omitempty"`

	// Whom access tokens of the sign-in must be for, as their claim `aud` has it. Where it is set, the access token that
	// comes with a sign-in is verified and must be the same user's. Default: access tokens are not looked into.
	Audience string `json:"audience,omitempty"`

	// What the provider is asked for. Default: `["openid"]`.
	Scope []string `json:"scope,omitempty"`

	// The claim of the ID token that is the user id: one that the provider gives to one user and never to another. `email`
	// counts only where the claim `email_verified` is `true` (or the text `"true"`). Of other claims nobody tells whether users
	// can choose them. An `issuer` of the realm needs the same. Default: `sub`.
	UserClaim string `json:"user_claim,omitempty"`

	// The claims of the ID token that become attributes of the user, by the name of the attribute. Attributes that a route of
	// the realm needs and that are not named here are read from the claim of the same name.
	Attributes map[string]string `json:"attributes,omitempty"`

	// How the provider is to ask the user (`prompt`), such as `login` or `select_account`. `none` stands alone. Default: as the
	// provider likes.
	Prompt []string `json:"prompt,omitempty"`

	// How long ago the user may have signed in at the provider, in whole seconds. The ID token must then say when that was
	// (`auth_time`), and one that is older is refused. 0 demands a fresh sign-in. `?max_age=<seconds>` at the start shortens it
	// for one sign-in. Default: any time.
	MaxAge *caddy.Duration `json:"max_age,omitempty"`

	// What the provider is asked to check of the user (`acr_values`), by preference. Providers need not comply: demand it with an
	// attribute from the claim `acr` and `jwt_session_require`. Default: nothing.
	ACRValues []string `json:"acr_values,omitempty"`

	// More parameters of the request that the provider gets, by name. Those that have an option, or that the sign-in is made
	// of, are refused.
	AuthorizationParameters map[string]string `json:"authorization_parameters,omitempty"`

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

	// Whether the cookies of the ID token and of the access token go on to the services behind. Default: they do not.
	ForwardCookies bool `json:"forward_cookies,omitempty"`

	// The path that signs users out, by POST or by a link on a page of this site: the session ends here, its cookies are
	// cleared, and the browser goes to the provider's page for signing out, if it has one. Default: none.
	SignOut string `json:"sign_out,omitempty"`

	// Where users go after they signed out: a path on this site. Its address is registered at the provider as one to go to
	// after logout. Default: `/`.
	SignedOut string `json:"signed_out,omitempty"`

	// More parameters of the request by which the provider signs a user out, by name. `{http.jwt_session.signed_out}` in a value is
	// the address that the user goes to afterwards. If one of them has it, the provider has a name of its own for that: then it
	// gets these parameters and `client_id` alone, without `post_logout_redirect_uri`, `id_token_hint` and `state`. These four
	// names are refused here. Needs `sign_out`. Default: none.
	SignOutParameters map[string]string `json:"sign_out_parameters,omitempty"`

	app      *app.App
	logger   *zap.Logger
	client   issuer.Client
	warnings telemetry.Warnings
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
	option.SetDefault(&c.UserClaim, issuer.DefaultUserClaim)
	if c.SignOut != "" {
		option.SetDefault(&c.SignedOut, "/")
	}
	var err error
	if c.client, err = newClient(c); err != nil {
		return c.named(err)
	}
	if c.app, err = app.Of(ctx); err != nil {
		return err
	}
	c.app.OnStart(c.open)
	return nil
}

// names returns what the callback says of itself.
func (c *Callback) names() app.SignInNames {
	own := app.SignInNames{
		Realm: c.Realm, StartPath: c.Start, IDTokenCookie: c.IDTokenCookie, AccessTokenCookie: c.AccessTokenCookie,
		Forwards: c.ForwardCookies, Learns: slices.Sorted(maps.Keys(c.Attributes)),
	}
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
	if err := check(c); err != nil {
		return c.named(err)
	}
	if c.app.Names().Lacks(c.Realm) {
		return c.named(c.noSite())
	}
	return c.app.Names().AddSignIn(c.names())
}

// site returns a site of the realm, whose session cookie and times count. Start makes sure that there is one.
func (c *Callback) site() (*app.Site, error) {
	if site := c.app.Names().SiteOf(c.Realm); site != nil {
		return site, nil
	}
	return nil, c.noSite()
}

func (c *Callback) noSite() error {
	return fmt.Errorf("there is no jwt_session handler of the realm %s, so that nobody could use its sessions%s",
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

// ServeHTTP answers requests for the paths of signing in and out, and passes all others on.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	switch {
	case journey.IsAt(r, c.Start):
		return c.serve(w, r, c.begin, http.MethodGet)
	case journey.IsAt(r, c.Finish):
		method := http.MethodGet
		if c.Response == ResponseFormPost {
			method = http.MethodPost
		}
		return c.serve(w, r, c.finish, method)
	case c.SignOut != "" && journey.IsAt(r, c.SignOut):
		return c.serve(w, r, c.signOut, http.MethodPost, http.MethodGet)
	default:
		return next.ServeHTTP(w, r)
	}
}

func (c *Callback) serve(
	w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter, *http.Request) error, methods ...string,
) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if !slices.Contains(methods, r.Method) {
		wanted := strings.Join(methods, ", ")
		w.Header().Set("Allow", wanted)
		return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("want %s", wanted))
	}
	return answer(w, r)
}

func (c *Callback) signOut(w http.ResponseWriter, r *http.Request) error {
	return answerSignOut(c, w, r)
}

// address is the address of a path of the site as the browser knows it, which is registered at the provider.
func (c *Callback) address(r *http.Request, site *app.Site, path string) string {
	address := url.URL{Scheme: "http", Host: r.Host}
	if site.Token.Cookie.IsSecure(r) {
		address.Scheme = "https"
	}
	return address.String() + path
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
