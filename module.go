package jwtsession

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/exchange"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler gives the services behind it the identity of the user, from the application's own session cookie or from a
// short-lived JWT that stands for it.
//
// The first request of a session is looked up: in the store of active sessions and, where `whoami` is set, by asking the
// application itself. Its response brings a token that carries the user id and, sealed, the session id. From then on the
// token answers, without a look-up. Either way the request goes on with the application's own cookies and with the
// identity headers, and without our token.
//
// Identity headers that the client sent are removed from every request, in every spelling that a server could take for
// ours. A request whose user is not known is answered by the first rule of `unauthenticated` that matches, by default
// with 401.
//
// Placeholders that are set; those without a value are empty, but for the user id:
//
// - `{http.auth.user.id}`: the user id; unset where nobody is signed in
// - `{http.auth.user.<attribute>}`: an attribute of the user
// - `{http.jwt_session.realm}`: the realm
// - `{http.jwt_session.via}`: what spoke for the user: `token`, `session`, `issuer` or `none`
// - `{http.jwt_session.reason}`: why nobody is signed in, or why a token was passed over
type Handler struct {
	// The name of the application's set of users: letters, digits, `_` and `-`, or a text with placeholders for a site that
	// has one application per host. The value of a placeholder is read as a host: in lower case, without port and final dot,
	// IDNA in ASCII, an IPv6 address with `-` for each `:`. A request whose values make no realm gets 400: one is missing or
	// holds what a realm can't, or it holds the text that stands behind its placeholder and before another one. No realm with
	// placeholders may be able to take the name of another realm of the configuration. Sessions and tokens count only inside
	// their realm. Required.
	Realm string `json:"realm,omitempty"`

	// Which credentials count. `mixed` takes a token or a session. `stateful` looks the session up every time. `stateless`
	// takes tokens alone. `shadow` decides as `stateful` does, mints and checks tokens beside it, and counts what they
	// would have decided otherwise. Default: `mixed`.
	Mode string `json:"mode,omitempty"`

	// With `mixed`: which share of the sessions gets tokens, in percent, always the same ones. 0 means none: tokens that are
	// still in browsers are ignored and cleared. Default: 100.
	MixedPercent *float64 `json:"mixed_percent,omitempty"`

	// The names of the cookies that carry the application's session together. A name that ends in `*` stands for exactly
	// one cookie whose name begins so. A name that ends in `**` stands for all cookies whose names begin so, at least one, in
	// the order of their names: for applications that split a large cookie into chunks. Another number of chunks is another
	// session. Default: `["session"]`.
	SessionCookies []string `json:"session_cookies,omitempty"`

	// Which values of the session cookies are a session id. Default: those of 16 characters together, at least.
	SessionID *app.SessionID `json:"session_id,omitempty"`

	// How long a session may be unused before its record is dropped. A session that was learned from the application is
	// then asked for anew; one that was added through the admin API has ended. The same goes for the oldest sessions of a
	// user who has more than 100 in a realm. Default: `30m`, or `session_max_age` where
	// that is less.
	SessionIdleTimeout caddy.Duration `json:"session_idle_timeout,omitempty"`

	// How long a session's record is kept however much it is used. Default: `24h`.
	SessionMaxAge caddy.Duration `json:"session_max_age,omitempty"`

	// How to ask the application who a session belongs to. Without it, only sessions that were added through the admin
	// API are known.
	Whoami *Whoami `json:"whoami,omitempty"`

	// The response header in which the application names the user: of the session whose cookies the browser has after that
	// response. It is removed from responses. It is not listened to where a cache may have kept the response for others. A
	// user is not learned from the answer to a request with `Authorization`, `Proxy-Authorization`, a client certificate (also one in
	// `Client-Cert`, `SSL-Client-Cert`, `X-Client-Cert` or `X-SSL-Client-Cert`) or an access token of an `issuer`: the
	// application may know the user by that, and not by the session.
	// An empty value, or one that means nobody to `whoami`, ends the session; a response without the header says nothing.
	ResponseUser string `json:"response_user,omitempty"`

	// Let a token that comes without any session cookie stand for them: they are added upstream. With `mixed` and
	// `stateless` only.
	RestoreSession bool `json:"restore_session,omitempty"`

	// Requests that close the session, or change who it belongs to, without any sign of it in a cookie. Their session is
	// ended before they go on and again when their response begins. A path counts in every spelling that a server could take
	// for it, and with a final slash or without.
	ForgetOnRaw caddyhttp.RawMatcherSets `json:"forget_on,omitempty" caddy:"namespace=http.matchers"`

	// The cookie that carries our token.
	TokenCookie *carrier.TokenCookie `json:"token_cookie,omitempty"`

	// Put the token into the application's session cookie instead, beside the session id. There must be one session cookie
	// with a fixed name, and all handlers of the realm must say the same.
	TokenInSessionCookie *carrier.TokenInSessionCookie `json:"token_in_session_cookie,omitempty"`

	// How long an answer of the application is good: a token ends at most this long after its session was last confirmed,
	// and on the session path an older answer is asked for again. Whole seconds. Default: `1m`; with `stateless`, where no
	// answer is asked for, the `session_idle_timeout`.
	TokenLifetime caddy.Duration `json:"token_lifetime,omitempty"`

	// How long before its end a token is replaced. Default: half of the lifetime.
	RenewBefore caddy.Duration `json:"renew_before,omitempty"`

	// The claim `iss` of tokens, which is then required. Default: none.
	TokenIssuer string `json:"token_issuer,omitempty"`

	// Encrypt tokens, so that nobody but a gateway with the same key can read what is in them. They are about half as long
	// again. Tokens that are not encrypted do not count then, and encrypted ones only then.
	TokenEncrypt bool `json:"token_encrypt,omitempty"`

	// Take our token from `Authorization: Bearer` too, for clients of an API. It is removed upstream, and the response
	// brings no token. A Bearer credential under none of our keys is the application's and goes through untouched. Of two
	// tokens that differ, in `Authorization` and in the cookie, none counts.
	AcceptBearer bool `json:"accept_bearer,omitempty"`

	// Send services that verify tokens by themselves one of their own. Needs `token_issuer`.
	ForwardToken *ForwardToken `json:"forward_token,omitempty"`

	// Identity providers whose access tokens count here too, each in a place of its own.
	Issuers []*Issuer `json:"issuers,omitempty"`

	// The request headers that carry the identity upstream.
	Identity *identity.Options `json:"identity,omitempty"`

	// What becomes of requests whose user is not known: the first rule that matches counts. Default: `deny`.
	Unauthenticated []*refusal.Rule `json:"unauthenticated,omitempty"`

	// What becomes of CORS preflights, which browsers send without credentials. `pass` lets them go on undecided, without
	// cookies, Authorization and other credentials, body and method-override headers; the answer comes back without a body and
	// without cookies. `deny` answers 403, for routes that no other origin uses. Default: `pass`.
	Preflight string `json:"preflight,omitempty"`

	// Refuse unsafe requests and WebSocket handshakes that pages of other origins make.
	CSRF *refusal.CrossSite `json:"csrf,omitempty"`

	// Leave WebSockets and event streams open when the session that they were opened with is ended or revoked.
	KeepStreams bool `json:"keep_streams,omitempty"`

	route *exchange.Route // what serves requests, once it is prepared
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets the defaults and prepares what requests need. It opens and creates nothing.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := h.contradiction(); err != nil { // before the defaults hide what was left out
		return fmt.Errorf("jwt_session %s: %w", h.Realm, err)
	}
	asked := demandsOf(h)
	h.setDefaults()
	route, err := h.prepare(ctx)
	if err != nil {
		return fmt.Errorf("jwt_session %s: %w", h.Realm, err)
	}
	route.Demands = asked
	h.route = route
	return nil
}

// Validate checks the finished configuration.
func (h *Handler) Validate() error {
	if err := h.validate(); err != nil {
		return fmt.Errorf("jwt_session %s: %w", h.Realm, err)
	}
	return nil
}

// ServeHTTP decides who the request is from, and passes it on or refuses it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.route.Serve(w, r, next)
}

// Interface guards.
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
