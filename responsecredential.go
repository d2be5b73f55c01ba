package jwtsession

import (
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// bringsOtherCredential reports whether a request brings something beside its cookies that the application may know a user
// by: a header for that, a client certificate, or an access token in the place of an identity provider. A response that names
// a user is then no evidence of whose the session cookies are, which anybody may have put there. Authorization holds the
// lines that the client sent.
func bringsOtherCredential(r *http.Request, authorization []string, access validator.AccessState) bool {
	return len(authorization) > 0 || len(r.Header["Proxy-Authorization"]) > 0 || access != validator.AccessAbsent ||
		r.TLS != nil && len(r.TLS.PeerCertificates) > 0 || slices.ContainsFunc(certificateHeaders, func(name string) bool {
		return r.Header.Get(name) != ""
	})
}

// certificateHeaders hold the certificate of the client where a proxy before this one ends TLS (RFC 9440). The one of Envoy is
// not among them: it names the proxies on the way as well, and would be there with every request.
var certificateHeaders = []string{"Client-Cert", "Ssl-Client-Cert", "X-Client-Cert", "X-Ssl-Client-Cert"}
