package jwtsession

import (
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// bringsOtherCredential reports whether a request brings something beside its cookies that the application may know a user
// by: a header for that, a client certificate, or an access token in the place of an identity provider. A response that names
// a user is then no evidence of whose the session cookies are, which anybody may have put there. Authorization holds the
// lines that the client sent.
func bringsOtherCredential(r *http.Request, authorization []string, access validator.AccessState) bool {
	return len(authorization) > 0 || len(r.Header["Proxy-Authorization"]) > 0 || access != validator.AccessAbsent ||
		r.TLS != nil && len(r.TLS.PeerCertificates) > 0
}
