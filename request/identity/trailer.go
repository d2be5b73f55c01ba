package identity

import (
	"io"
	"net/http"
)

// stripTrailers removes our headers from the trailers of the request: from those that are announced, and again at the
// end of the body, where net/http fills in their values. Some servers merge trailers into the headers.
func (i Headers) stripTrailers(r *http.Request) {
	if len(r.Trailer) == 0 {
		return
	}
	i.deleteFrom(r.Trailer)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerStripper{ReadCloser: r.Body, trailer: r.Trailer, identity: i}
	}
}

func (i Headers) deleteFrom(header http.Header) {
	for name := range header {
		if i.Owns(name) {
			delete(header, name)
		}
	}
}

// trailerStripper passes a body through and removes our headers from the trailers as soon as they are there.
type trailerStripper struct {
	io.ReadCloser

	trailer  http.Header
	identity Headers
}

func (s *trailerStripper) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.identity.deleteFrom(s.trailer)
	}
	return n, err
}
