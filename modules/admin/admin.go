package admin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// adminAPI adds routes below /jwt_session/ to Caddy's admin endpoint, whose access rules apply to them.
//
// It keeps nothing of the configuration that it was provisioned with: Caddy does not take back the routes of one that it
// refused. What a route acts on is looked up with each request.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.jwt_session",
		New: func() caddy.Module { return adminAPI{} },
	}
}

// Path is where the routes are on the admin endpoint.
const Path = "/jwt_session/"

// adminRoute serves one call. Its result is written as JSON, unless it is [streamed].
type adminRoute func(*Call) (any, error)

// streamed is the result of a route that has written its answer itself.
type streamed struct{}

// Routes holds the routes by their path below Path and by method. A route that writes takes a JSON body: URLs are logged, so
// that no id and no user may be in them.
var Routes = map[string]map[string]adminRoute{
	"sessions":         {http.MethodPost: addSession},
	"sessions/list":    {http.MethodPost: listSessions},
	"sessions/end":     {http.MethodPost: endSession},
	"revocations":      {http.MethodPost: revoke, http.MethodGet: listRevocations},
	"revocations/list": {http.MethodPost: pageRevocations},
	"status":           {http.MethodGet: showStatus},
	"store/backup":     {http.MethodPost: backup},
	"keys":             {http.MethodGet: listKeys},
	"keys/rotate":      {http.MethodPost: rotateKeys},
}

// lineRoutes holds the routes for a body of newline-delimited JSON. They read it as it comes.
var lineRoutes = map[string]adminRoute{"sessions": importSessions}

// Routes returns the one route that serves all.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: Path, Handler: caddy.AdminHandlerFunc(Serve)}}
}

// Call is one request to the admin API.
type Call struct {
	app     *app.App
	gateway *app.Core
	writer  http.ResponseWriter
	request *http.Request
	Body    []byte // nil: the route reads the body of the request itself
}

// MaxBody is how long a body may be.
const MaxBody = 1 << 20

// Serve serves one request to the admin API.
func Serve(w http.ResponseWriter, r *http.Request) error {
	methods, known := Routes[r.URL.Path[len(Path):]]
	if !known {
		return apiError(http.StatusNotFound, "there is no such route")
	}
	route, known := methods[r.Method]
	if !known {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		return apiError(http.StatusMethodNotAllowed, "want "+allowed)
	}
	if err := checkOrigin(w, r); err != nil {
		return err
	}
	var body []byte
	if lines, takesLines := lineRoutes[r.URL.Path[len(Path):]]; takesLines && mediaType(r) == "application/x-ndjson" {
		route = lines
	} else {
		var err error
		if body, err = readAdminBody(w, r); err != nil {
			return err
		}
	}
	current := app.Running(r.Context())
	if current == nil {
		return apiError(http.StatusServiceUnavailable, "the running configuration has no jwt_session")
	}
	open, err := current.Open()
	if err != nil {
		return apiError(http.StatusServiceUnavailable, "the session store is not open")
	}
	result, err := route(&Call{app: current, gateway: open, writer: w, request: r, Body: body})
	if err != nil {
		return asAPIError(current.Logger(), err)
	}
	if _, done := result.(streamed); done {
		return nil
	}
	text, err := json.Marshal(result, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("writing answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(append(text, '\n'))
	return err
}

// checkOrigin refuses a request that may change something and that a page of another site made a browser send. Caddy checks
// the origin before, and has written an origin that it allows into the answer. Only such an origin counts here, so that no way
// around Caddy's check is open.
func checkOrigin(w http.ResponseWriter, r *http.Request) error {
	if !refusal.IsUnsafe(r.Method) {
		return nil
	}
	if origins, sent := r.Header["Origin"]; sent {
		if slices.Equal(origins, w.Header()["Access-Control-Allow-Origin"]) {
			return nil
		}
		return apiError(http.StatusForbidden, "the Origin is not one that the admin endpoint allows")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return nil
	}
	return apiError(http.StatusForbidden, "a page of another site made this request")
}

// mediaType returns the type of the body in lower case, or nothing if the header is malformed.
func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// readAdminBody checks the form of the request and reads the body. The JSON content type keeps HTML forms of other sites out.
func readAdminBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet {
		return nil, nil
	}
	if mediaType(r) != "application/json" {
		return nil, apiError(http.StatusUnsupportedMediaType, "want Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, apiError(http.StatusRequestEntityTooLarge, "the body may have 1 MiB at most")
	} else if err != nil {
		return nil, apiError(http.StatusBadRequest, "the body could not be read")
	}
	return body, nil
}

// Read reads the body.
func (c *Call) Read(into any) error { return readStrictly(c.Body, into) }

// readStrictly reads one JSON object. It refuses a member that is given twice or that the route does not know. The error does
// not repeat the text.
func readStrictly(text []byte, into any) error {
	if jsontext.Value(text).Kind() != '{' { // also null, which would be read as an object without members
		return errNoAdminObject
	}
	err := json.Unmarshal(text, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if semantic := new(json.SemanticError); errors.As(err, &semantic) {
		if errors.Is(err, json.ErrUnknownName) {
			return apiError(http.StatusBadRequest, "the body has a member that is not known here; known are: "+members(into))
		}
		return apiError(http.StatusBadRequest, fmt.Sprintf("the member %s has a value of the wrong form", semantic.JSONPointer))
	}
	return errNoAdminObject
}

var errNoAdminObject = apiError(http.StatusBadRequest, "the body is not one JSON object, or names a member twice")

// siteOf returns the first site of the realm.
func (c *Call) siteOf(realm string) (*app.Site, error) {
	if realm == "" {
		return nil, apiError(http.StatusBadRequest, "realm: want the name of a realm")
	}
	if site := c.app.Names().SiteOf(realm); site != nil {
		return site, nil
	}
	return nil, apiError(http.StatusNotFound, "realm: there is no jwt_session handler of that realm in the running configuration"+
		c.app.Names().OtherSpelling(realm))
}

// audit writes the one log line about an operator's action. The line names neither session nor user.
func (c *Call) audit(action string, fields ...zap.Field) {
	c.app.Logger().Info(action, append(fields, zap.String("remote", c.request.RemoteAddr))...)
}

func apiError(status int, message string) error {
	return caddy.APIError{HTTPStatus: status, Err: errors.New(message)}
}

// asAPIError returns our own answers as they are. It writes any other error to the log, and the answer does not tell it.
func asAPIError(logger *zap.Logger, err error) error {
	if own := new(caddy.APIError); errors.As(err, own) {
		return err
	}
	if errors.Is(err, ledger.ErrRevoked) {
		return apiError(http.StatusConflict, "the session is revoked; lift the revocation first")
	}
	telemetry.CountStoreError(err)
	logger.Error("serving the admin API", zap.Error(err))
	return apiError(http.StatusServiceUnavailable, "nothing was done: the session store did not take it; the log says more")
}

// Interface guards.
var _ caddy.AdminRouter = adminAPI{}
