package response

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// headerRemover removes a header whenever a response, or an interim one, goes out.
type headerRemover struct {
	*caddyhttp.ResponseWriterWrapper

	header string
}

// WithoutHeader returns a writer that keeps a header of the application's from the client, in interim responses and
// trailers too.
func WithoutHeader(w http.ResponseWriter, header string) http.ResponseWriter {
	return &headerRemover{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, header: header}
}

func (w *headerRemover) remove() {
	delete(w.Header(), w.header)
	Unannounce(w.Header(), w.header)
}

// WriteHeader removes the header first.
func (w *headerRemover) WriteHeader(status int) {
	w.remove()
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write removes the header first.
func (w *headerRemover) Write(p []byte) (int, error) {
	w.remove()
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom removes the header first.
func (w *headerRemover) ReadFrom(r io.Reader) (int64, error) {
	w.remove()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError removes the header first.
func (w *headerRemover) FlushError() error {
	w.remove()
	//nolint:bodyclose // no body: this is the server's side
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unannounce takes a header of the application's that is not for the client from the trailers that a response announces,
// before its head goes out.
func Unannounce(header http.Header, name string) {
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

// DropTrailer does the same for what follows the body, which stands among the headers once the application has answered:
// under its own name where it was announced.
func DropTrailer(header http.Header, name string) {
	header.Del(name)
	header.Del(http.TrailerPrefix + name)
}

// Interface guards.
var (
	_ http.ResponseWriter = (*headerRemover)(nil)
	_ io.ReaderFrom       = (*headerRemover)(nil)
)
