package response

import (
	"net/http"
	"strings"
	"testing"
)

func TestHeaderRemover(t *testing.T) {
	var heads []http.Header
	w := WithoutHeader(&headRecorder{heads: &heads, header: make(http.Header)}, "X-Remote-User")
	for _, write := range []func(){
		func() { w.WriteHeader(http.StatusEarlyHints) },
		func() { _, _ = w.Write(nil) },
		func() { _, _ = w.(interface{ FlushError() error }), w.(*headerRemover).FlushError() },
		func() { _, _ = w.(*headerRemover).ReadFrom(strings.NewReader("")) },
	} {
		w.Header().Set("X-Remote-User", "alice")
		write()
	}
	for i, head := range heads {
		if head.Get("X-Remote-User") != "" {
			t.Errorf("head %d has it", i)
		}
	}
	if len(heads) < 3 {
		t.Errorf("%d heads", len(heads))
	}
}

type headRecorder struct {
	header http.Header
	heads  *[]http.Header
}

func (r *headRecorder) Header() http.Header { return r.header }
func (r *headRecorder) WriteHeader(int)     { *r.heads = append(*r.heads, r.header.Clone()) }
func (r *headRecorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(p), nil
}
func (r *headRecorder) Flush() { r.WriteHeader(http.StatusOK) }
