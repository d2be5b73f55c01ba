package refusal

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// CrossSite refuses what pages of other origins make a browser send: unsafe requests and WebSocket handshakes, which
// carry the user's cookies. Requests with a Bearer credential are let through: a browser adds none by itself.
type CrossSite struct {
	// Other origins that may, such as `https://app.example.com`.
	TrustedOrigins []string `json:"trusted_origins,omitempty"`

	protection *http.CrossOriginProtection
}

// Prepare checks the trusted origins.
func (c *CrossSite) Prepare() error {
	c.protection = http.NewCrossOriginProtection()
	for _, origin := range c.TrustedOrigins {
		if err := c.protection.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("csrf: %w; want a scheme and a host, such as https://app.example.com", err)
		}
	}
	return nil
}

// Check returns an error for a request that is to be refused. The Authorization lines are those of the client: what a
// handler before this one put there says nothing of who made the browser send the request. A nil CrossSite refuses none.
func (c *CrossSite) Check(r *http.Request, authorization []string) error {
	if c == nil || hasBearer(authorization) {
		return nil
	}
	if isWebSocketHandshake(r) {
		// A handshake is a GET, which counts as safe; what follows it is not.
		unsafe := *r
		unsafe.Method = http.MethodPost
		r = &unsafe
	}
	return c.protection.Check(r)
}

// hasBearer reports whether the Authorization lines are credentials of the scheme Bearer (RFC 6750 section 2.1), and of no
// other beside it, which a browser may have added.
func hasBearer(lines []string) bool {
	for _, line := range lines {
		if _, isBearer := validator.CutBearer(line); !isBearer {
			return false
		}
	}
	return len(lines) > 0
}

// isWebSocketHandshake reports whether the request asks for a WebSocket (RFC 6455 section 4.1). Over HTTP/2 and HTTP/3 that
// is a CONNECT (RFC 8441), which is unsafe by its method.
func isWebSocketHandshake(r *http.Request) bool {
	for _, line := range r.Header.Values("Upgrade") {
		for protocol := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(protocol, " \t"), "websocket") {
				return true
			}
		}
	}
	return false
}

// IsUnsafe reports whether a request of this method may change something (RFC 9110 section 9.2.1).
func IsUnsafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}
