package identity

import (
	"io"
	"net/http"
	"slices"
)

// stripTrailers removes our headers and all credentials from the trailers of the request: from those that are announced, and
// again at the end of the body, where net/http fills in their values. Some servers merge trailers into the headers, so that a
// cookie there would be a session that nobody judged.
func (i Headers) stripTrailers(r *http.Request) {
	if len(r.Trailer) == 0 {
		return
	}
	i.deleteTrailers(r.Trailer)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerStripper{ReadCloser: r.Body, trailer: r.Trailer, identity: i}
	}
}

func (i Headers) deleteTrailers(trailer http.Header) {
	for name := range trailer {
		if i.Owns(name) || slices.Contains(credentialHeaders, Fold(name)) {
			delete(trailer, name)
		}
	}
}

// credentialHeaders may not be trailers (RFC 9110 section 6.5.1), folded.
var credentialHeaders = []string{"authorization", "cookie", "cookie2", "proxy-authorization"}

// trailerStripper passes a body through and removes our headers and credentials from the trailers as soon as they are there.
type trailerStripper struct {
	io.ReadCloser

	trailer  http.Header
	identity Headers
}

func (s *trailerStripper) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.identity.deleteTrailers(s.trailer)
	}
	return n, err
}
