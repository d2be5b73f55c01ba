package jwks

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(new(JWKS))
}

// JWKS publishes the public keys that tokens are verified with, as a JWK set (RFC 7517 section 5): for services that
// verify tokens by themselves. A new key is in it before it signs.
//
// It answers GET and HEAD and passes nothing on. Secrets (HS256) are not in it: with no other key the configuration is
// refused.
type JWKS struct {
	app      *app.App
	logger   *zap.Logger
	warnings telemetry.Warnings
}

// CaddyModule returns the Caddy module information.
func (*JWKS) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_jwks",
		New: func() caddy.Module { return new(JWKS) },
	}
}

var errNothingToPublish = errors.New("jwt_session_jwks: all keys are secrets (HS256), of which nothing may be published; set " +
	"algorithm ES256, EdDSA or RS256 in the global option jwt_session, or give it a key file with a private key")

// Provision finds the keys.
func (j *JWKS) Provision(ctx caddy.Context) error {
	var err error
	if j.app, err = app.Of(ctx); err != nil {
		return err
	}
	j.logger = ctx.Logger()
	if !j.app.PublishesKeys() {
		return errNothingToPublish
	}
	return nil
}

// errStale is the answer of a gateway that may have missed an emergency, so that its keys may not be good any more.
var errStale = errors.New("this gateway shares its store, can't reach it, and has not heard for longer than max_stale whether the keys still count")

// ServeHTTP answers with the keys of the moment.
func (j *JWKS) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("jwt_session_jwks: want GET or HEAD, got %s", r.Method))
	}
	open, err := j.app.CoreForRequest()
	if err == nil && open.Ledger.IsStale() {
		err = errStale
	}
	if err != nil {
		if j.warnings.Due("keys", j.app.Now()) {
			j.logger.Error("publishing the keys", zap.Error(err))
		}
		w.Header().Set("Retry-After", refusal.RetryAfter)
		return caddyhttp.Error(http.StatusServiceUnavailable, err)
	}
	keys, err := open.Keys.Current().PublicJWKS()
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	hash := sha256.Sum256(keys)
	header := w.Header()
	header.Set("Content-Type", "application/jwk-set+json")
	header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, must-revalidate", keysMaxAge(j.app.KeyRotation)/time.Second))
	header.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(hash[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(keys))
	return nil
}

// What bounds how long the published keys may be remembered.
const (
	keysLateness  = 10 * time.Second // how late this gateway may know of another's new key
	longestMaxAge = 5 * time.Minute  // after an emergency verifiers are to learn soon what counts no more
)

// keysMaxAge is how long a verifier may remember the keys, so that it has a new one before that signs: half of the time
// between both, since the answer takes its way and caches may stand in a row.
func keysMaxAge(rotation *app.KeyRotation) time.Duration {
	delay := time.Duration(app.DefaultKeyDelay)
	if rotation != nil {
		delay = time.Duration(rotation.KeyDelay)
	}
	return min(max(0, delay-keysLateness)/2, longestMaxAge)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*JWKS)(nil)
	_ caddyhttp.MiddlewareHandler = (*JWKS)(nil)
)
