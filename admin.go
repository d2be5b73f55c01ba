package jwtsession

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
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
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

const adminPath = "/jwt_session/"

// adminRoutes are the routes by their path below adminPath and by method. What is written comes as a JSON body, since ids
// and users must not stand in URLs, which are logged.
var adminRoutes = map[string]map[string]func(*adminCall) (any, error){
	"sessions":      {http.MethodPost: (*adminCall).addSession},
	"sessions/list": {http.MethodPost: (*adminCall).listSessions},
	"sessions/end":  {http.MethodPost: (*adminCall).endSession},
	"revocations":   {http.MethodPost: (*adminCall).revoke, http.MethodGet: (*adminCall).listRevocations},
	"keys":          {http.MethodGet: (*adminCall).listKeys},
	"keys/rotate":   {http.MethodPost: (*adminCall).rotateKeys},
}

// Routes returns the one route that serves all.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminPath, Handler: caddy.AdminHandlerFunc(serveAdmin)}}
}

// adminCall is one request to the admin API.
type adminCall struct {
	app     *App
	gateway *gateway
	request *http.Request
	body    []byte
}

// maxAdminBody is how long a body may be.
const maxAdminBody = 1 << 20

func serveAdmin(w http.ResponseWriter, r *http.Request) error {
	methods, known := adminRoutes[r.URL.Path[len(adminPath):]]
	if !known {
		return apiError(http.StatusNotFound, "there is no such route")
	}
	route, known := methods[r.Method]
	if !known {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		return apiError(http.StatusMethodNotAllowed, "want "+allowed)
	}
	body, err := readAdminBody(w, r)
	if err != nil {
		return err
	}
	app := running.newest()
	if app == nil {
		return apiError(http.StatusServiceUnavailable, "the running configuration has no jwt_session")
	}
	open, err := app.gateway()
	if err != nil {
		return apiError(http.StatusServiceUnavailable, "the session store is not open")
	}
	result, err := route(&adminCall{app: app, gateway: open, request: r, body: body})
	if err != nil {
		return asAPIError(app.logger, err)
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

// readAdminBody checks the form of the request. A JSON content type is what keeps HTML forms of other sites out; their
// scripts Caddy keeps out, which refuses origins that its admin endpoint was not told to allow.
func readAdminBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet {
		return nil, nil
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return nil, apiError(http.StatusUnsupportedMediaType, "want Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, apiError(http.StatusRequestEntityTooLarge, "the body may have 1 MiB at most")
	} else if err != nil {
		return nil, apiError(http.StatusBadRequest, "the body could not be read")
	}
	return body, nil
}

// read reads the body: one JSON object, no member twice, none that the route does not know. The error does not repeat
// what it read.
func (c *adminCall) read(into any) error {
	err := json.Unmarshal(c.body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if semantic := new(json.SemanticError); errors.As(err, &semantic) {
		if errors.Is(err, json.ErrUnknownName) {
			return apiError(http.StatusBadRequest, "the body has a member that is not known here; known are: "+members(into))
		}
		return apiError(http.StatusBadRequest, fmt.Sprintf("the member %s has a value of the wrong form", semantic.JSONPointer))
	}
	return apiError(http.StatusBadRequest, "the body is not one JSON object, or names a member twice")
}

// handlerOf returns the first handler of the realm.
func (c *adminCall) handlerOf(realm string) (*Handler, error) {
	for _, handler := range c.app.handlers {
		if handler.realm.matches(realm) {
			return handler, nil
		}
	}
	return nil, apiError(http.StatusNotFound, "realm: there is no jwt_session handler of that realm in the running configuration")
}

// audit writes the one line that an operator's action leaves. It names neither session nor user.
func (c *adminCall) audit(action string, fields ...zap.Field) {
	c.app.logger.Info(action, append(fields, zap.String("remote", c.request.RemoteAddr))...)
}

func apiError(status int, message string) error {
	return caddy.APIError{HTTPStatus: status, Err: errors.New(message)}
}

// asAPIError keeps the words of our own answers. What went wrong inside goes to the log alone.
func asAPIError(logger *zap.Logger, err error) error {
	if own := new(caddy.APIError); errors.As(err, own) {
		return err
	}
	if errors.Is(err, ledger.ErrRevoked) {
		return apiError(http.StatusConflict, "the session is revoked; lift the revocation first")
	}
	logger.Error("serving the admin API", zap.Error(err))
	return apiError(http.StatusServiceUnavailable, "nothing was done: the session store did not take it; the log says more")
}

// Interface guards.
var _ caddy.AdminRouter = adminAPI{}
