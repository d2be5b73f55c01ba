package jwtsession_test

import (
	"net/http"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// A cache that goes by a field of its own keeps the response with the token, and hands it to the next visitor.
func TestNoTokenOnWhatACacheMayStoreByAFieldOfItsOwn(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	for _, test := range []struct {
		name, value string
		carries     bool
	}{
		{"Cloudflare-CDN-Cache-Control", "max-age=60", false},
		{"Vercel-CDN-Cache-Control", "max-age=60", false},
		{"Netlify-CDN-Cache-Control", "public, max-age=60", false},
		{"Akamai-Cache-Control", "max-age=60", false},
		{"X-LiteSpeed-Cache-Control", "public, max-age=60", false},
		{"X-Accel-Expires", "60", false},
		{"Edge-Control", "max-age=1d", false},
		{"Surrogate-Control", "max-age=60", false},
		{"CDN-Cache-Control", "max-age=60", false},
		{"Nobody-Knows-This-Cache-Control", "max-age=60", false},
		{"CDN-Cache-Control", "No-Store", false},
		{"Nobody-Knows-This-Cache-Control", "no-store", true},
		{"X-Accel-Expires", "0", true},
		{"Edge-Control", "no-store", true},
	} {
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set(test.name, test.value)
			w.Header().Set("Cache-Control", "private")
			return false
		})
		b := g.SignedIn()
		want := ""
		if test.carries {
			want = "set"
		}
		if response := b.Get("/page"); response.TokenSet() != want || response.Received.User(t) != "alice" {
			t.Errorf("%s: %s: token cookie %q, want %q", test.name, test.value, response.TokenSet(), want)
		}
		g.Legacy.Respond(nil)
		if response := b.Get("/page"); response.TokenSet() == want {
			t.Errorf("%s: the next response: token cookie %q", test.name, response.TokenSet())
		}
	}
}

// Such a cache stands between the gateway and the application, and names alice to the next visitor.
func TestWhoamiAnswerThatACacheMayReuseByAFieldOfItsOwn(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	for _, field := range []string{"Cdn-Cache-Control", "Surrogate-Control", "Shop-Cache-Control"} {
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set(field, "max-age=60")
			return false
		})
		if response := g.SignedIn().Get("/page"); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", field, response.StatusCode)
		}
	}
}

func TestNoUserIsNamedByWhatACacheMayStoreByAFieldOfItsOwn(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	for _, field := range []string{"Cdn-Cache-Control", "Edge-Control", "Shop-Cache-Control"} {
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set(field, "max-age=60")
			w.Header().Set("X-Remote-User", "alice")
			return true
		})
		b := g.Browser()
		b.Cookies["session"] = g.Legacy.SignIn("alice")
		b.Get("/page")
		if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", field, response.StatusCode)
		}
	}
}
