package jwtsession

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// stripTrailers removes our headers and all credentials from the trailers of the request: from those that are announced, and
// again at the end of the body, where net/http fills in their values. Some servers merge trailers into the headers, so that a
// cookie there would be a session that nobody judged.
func (i identityHeaders) stripTrailers(r *http.Request) {
	if len(r.Trailer) == 0 {
		return
	}
	i.deleteTrailers(r.Trailer)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &trailerStripper{ReadCloser: r.Body, trailer: r.Trailer, identity: i}
	}
}

func (i identityHeaders) deleteTrailers(trailer http.Header) {
	for name := range trailer {
		if i.owns(name) || slices.Contains(credentialHeaders, foldHeader(name)) {
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
	identity identityHeaders
}

func (s *trailerStripper) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.identity.deleteTrailers(s.trailer)
	}
	return n, err
}

// unannounce takes a header of the application's that is not for the client from the trailers that a response announces,
// before its head goes out.
func unannounce(header http.Header, name string) {
	announced := strings.FieldsFunc(strings.Join(header["Trailer"], ","), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	kept := slices.DeleteFunc(slices.Clone(announced), func(other string) bool { return strings.EqualFold(other, name) })
	switch {
	case len(kept) == len(announced):
	case len(kept) == 0:
		delete(header, "Trailer")
	default:
		header["Trailer"] = []string{strings.Join(kept, ", ")}
	}
}

// dropTrailer does the same for what follows the body, which stands among the headers once the application has answered:
// under its own name where it was announced.
func dropTrailer(header http.Header, name string) {
	header.Del(name)
	header.Del(http.TrailerPrefix + name)
}
