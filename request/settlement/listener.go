package settlement

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Listener is how the application names the user in a header of its responses. The zero value does not listen.
type Listener struct {
	// Header is the canonical name of the header.
	Header string
	// Nobody holds the values that name nobody, and Pattern says what user ids look like.
	Nobody  []string
	Pattern whoami.Pattern
}

// Hide returns a writer that keeps the header from the client, in interim responses too.
func (l Listener) Hide(w http.ResponseWriter) http.ResponseWriter {
	if l.Header == "" {
		return w
	}
	return response.WithoutHeader(w, l.Header)
}

// take removes the header from a response and returns what it says, unless the response may be another visitor's.
func (l Listener) take(status int, header http.Header, now time.Time) (validator.Naming, error) {
	values := header[l.Header]
	if l.Header == "" || len(values) == 0 {
		return validator.Naming{}, nil
	}
	delete(header, l.Header)
	if caching.MayBeAnothers(status, header, now) {
		return validator.Naming{}, nil
	}
	user := trim(values[0])
	for _, other := range values[1:] {
		if trim(other) != user {
			return validator.Naming{}, errors.New("it names two users")
		}
	}
	switch {
	case user == "" || slices.Contains(l.Nobody, user):
		return validator.Naming{Nobody: true}, nil
	case !l.Pattern.Match(user):
		return validator.Naming{}, errors.New("what it names can't be a user id")
	}
	return validator.Naming{User: user}, nil
}

// trim removes white space as HTTP has it (RFC 9110 section 5.6.3).
func trim(text string) string { return strings.Trim(text, " \t") }

// hearing is what was known when the request went on. All but withheld is for where the application names users.
type hearing struct {
	question *ledger.Question // about the session that came; nil where none did
	withheld bool             // the application did not get the session cookies
	unproven bool             // the application may know the user by something else than the session
}

// BringsOtherCredential reports whether a request brings something beside its cookies that the application may know a user
// by: a header for that, a client certificate, or an access token in the place of an identity provider. A response that names
// a user is then no evidence of whose the session cookies are, which anybody may have put there. Authorization holds the
// lines that the client sent.
func BringsOtherCredential(r *http.Request, authorization []string, access validator.AccessState) bool {
	return len(authorization) > 0 || len(r.Header["Proxy-Authorization"]) > 0 || access != validator.AccessAbsent ||
		r.TLS != nil && len(r.TLS.PeerCertificates) > 0 || slices.ContainsFunc(certificateHeaders, func(name string) bool {
		return r.Header.Get(name) != ""
	})
}

// certificateHeaders hold the certificate of the client where a proxy before this one ends TLS (RFC 9440). The one of Envoy is
// not among them: it names the proxies on the way as well, and would be there with every request.
var certificateHeaders = []string{"Client-Cert", "Ssl-Client-Cert", "X-Client-Cert", "X-Ssl-Client-Cert"}
