package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

// BenchmarkRolling is an application that changes the session cookie with every answer. The visitor comes twice a second, or more
// often than as many of his ids are kept as come.
func BenchmarkRolling(b *testing.B) {
	for name, every := range map[string]time.Duration{"an answer each second": time.Second, "many answers a second": time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			clock := testclock.New()
			handler := benchHandlerAt(b, "mixed", 0, "", "rolling", clock.Now)
			answers, cookies := 0, "session=the-first-id-of-the-session"
			next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				if r.URL.Path != "/whoami" {
					answers++
					w.Header().Set("Set-Cookie", fmt.Sprintf("session=an-id-of-the-session-%09d; Path=/; HttpOnly", answers))
				}
				return benchApplication(w, r)
			})
			b.ReportAllocs()
			for b.Loop() {
				clock.Advance(every)
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://shop.example/page", nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header["Cookie"] = []string{cookies}
				w := &benchWriter{header: make(http.Header)}
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
				if err := handler.ServeHTTP(w, r, next); err != nil {
					b.Fatal(err)
				}
				var pairs []string
				for _, line := range w.header["Set-Cookie"] {
					pair, _, _ := strings.Cut(line, ";")
					pairs = append(pairs, pair)
				}
				if cookies = strings.Join(pairs, "; "); len(pairs) != 2 {
					b.Fatalf("cookies %q", w.header["Set-Cookie"])
				}
			}
		})
	}
}
