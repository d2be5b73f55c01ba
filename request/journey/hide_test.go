package journey

import (
	"net/url"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
)

// A path that is passed over without being escaped has nothing to be removed.
func FuzzCleanURL(f *testing.F) {
	for _, path := range []string{"/page", "/page;jsessionid=1", "/page%3Bjsessionid=1", "/page%253Bjsessionid=1/x", "/ü ;JSESSIONID=1", "*", "//;", "/a?b"} {
		f.Add(path, "")
		f.Add(path, path)
	}
	names := alias.NewNames("JSESSIONID")
	f.Fuzz(func(t *testing.T, path, raw string) {
		target := url.URL{Path: path, RawPath: raw}
		escaped := target.EscapedPath()
		want := names.CleanPath(escaped)
		cleanURL(&target, names)
		switch {
		case want == escaped && (target.Path != path || target.RawPath != raw):
			t.Errorf("%q, %q becomes %q, %q; it has no parameter", path, raw, target.Path, target.RawPath)
		case want != escaped && target.EscapedPath() != want:
			t.Errorf("%q, %q becomes %q, want %q", path, raw, target.EscapedPath(), want)
		}
	})
}
