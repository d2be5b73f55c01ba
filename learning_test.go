package jwtsession_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// The application answers in whatever coding the browser accepts.
func TestWhoamiAnswersInEveryCoding(t *testing.T) {
	t.Parallel()
	for coding, encode := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			encoder, _ := zstd.NewWriter(w)
			return encoder
		},
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"Deflate": func(w io.Writer) io.WriteCloser { // as some servers have always understood it
			writer, _ := flate.NewWriter(w, flate.DefaultCompression)
			return writer
		},
		"gzip, br": func(w io.Writer) io.WriteCloser { return chain{brotli.NewWriter(w), nil}.in(gzip.NewWriter) },
	} {
		g := harness.New(t, "")
		b := g.SignedIn()
		accepted := ""
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
			accepted = r.Header.Get("Accept-Encoding")
			var body bytes.Buffer
			writer := encode(&body)
			_, _ = fmt.Fprintf(writer, `{"user": %q}`, g.Legacy.User(r))
			_ = writer.Close()
			w.Header().Set("Content-Encoding", coding)
			_, _ = w.Write(body.Bytes())
			return true
		})
		response := b.Get("/page", "Accept-Encoding: gzip, deflate, br, zstd")
		if g.Expect(response, "alice", "set", 1); accepted != "gzip, deflate, br, zstd" {
			t.Errorf("%s: the question accepts %q", coding, accepted)
		}
	}
	g := harness.New(t, "")
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Encoding", "compress")
		_, _ = io.WriteString(w, `{"user": "alice"}`)
		return true
	})
	if response := g.SignedIn().Get("/page"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an unknown coding: status %d, want 503", response.StatusCode)
	}
}

// chain writes through one encoder into another.
type chain struct {
	outer io.WriteCloser
	inner io.WriteCloser
}

func (c chain) in(inner func(io.Writer) *gzip.Writer) io.WriteCloser {
	c.inner = inner(c.outer)
	return c
}

func (c chain) Write(p []byte) (int, error) { return c.inner.Write(p) }

func (c chain) Close() error {
	_ = c.inner.Close()
	return c.outer.Close()
}

// A sign-out that shows in the query alone.
func TestForgetOnQuery(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		@logoff query logoff=true
		jwt_session shop {
			whoami /whoami json user
			forget_on @logoff
		}
		reverse_proxy LEGACY`})
	g.Legacy.Respond(func(_ http.ResponseWriter, r *http.Request) bool {
		if cookie, err := r.Cookie("session"); err == nil && r.URL.Query().Get("logoff") == "true" {
			g.Legacy.Set(cookie.Value, "")
		}
		return false
	})
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	g.Expect(b.Get("/page?logoff=false"), "alice", "", 1)
	g.Expect(b.Get("/page?logoff=true"), "alice", "cleared", 1)
	b.Cookies[harness.TokenName] = token
	g.ExpectRefused(b.Get("/page"), "cleared")
	g.Legacy.Set(b.Cookies["session"], "bob") // the id stays, and another one signs in
	g.Clock.Advance(4 * time.Second)
	g.Expect(b.Get("/page"), "bob", "set", 3)
	b.Cookies[harness.TokenName] = token
	g.Expect(b.Get("/page"), "bob", "set", 3)
}

// Ids of any length are known, compared and ended alike.
func TestLongSessionIDs(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "session_cookie session {\nmin_length 1\npattern .+\n}")
	for _, length := range []int{1, 255, 256, 257, 4000, 12000} {
		asked := g.Legacy.Questions()
		b := g.Browser()
		id := strings.Repeat("x", length)
		g.Legacy.Set(id, "alice")
		b.Cookies["session"] = id
		g.Expect(b.Get("/page"), "alice", "set", asked+1)
		g.Expect(b.Get("/page"), "alice", "", asked+1)
		token := b.Cookies[harness.TokenName]
		if len(token) > 800 {
			t.Errorf("an id of %d bytes makes a token of %d", length, len(token))
		}
		b.Cookies["session"] = id + "y"
		g.ExpectRefused(b.Get("/page"), "cleared")
		b.Cookies["session"] = id
		g.Expect(b.Get("/logout"), "alice", "", asked+2)
		b.Cookies["session"], b.Cookies[harness.TokenName] = id, token
		g.ExpectRefused(b.Get("/page"), "cleared")
	}
}

// crowd counts which clients have how many questions at the application at once.
type crowd struct {
	mutex            sync.Mutex
	now, most        int
	byClient, mostBy map[string]int
	arrived          chan struct{}
	proceed          chan struct{}
}

func newCrowd() *crowd {
	return &crowd{
		byClient: make(map[string]int), mostBy: make(map[string]int),
		arrived: make(chan struct{}, 4096), proceed: make(chan struct{}),
	}
}

// hold keeps a question waiting until all may proceed.
func (c *crowd) hold(client string) {
	c.mutex.Lock()
	c.now++
	c.byClient[client]++
	c.most, c.mostBy[client] = max(c.most, c.now), max(c.mostBy[client], c.byClient[client])
	c.mutex.Unlock()
	c.arrived <- struct{}{}
	<-c.proceed
	c.mutex.Lock()
	c.now--
	c.byClient[client]--
	c.mutex.Unlock()
}

const crowdedSite = `
	jwt_session shop {
		whoami /whoami json user
	}
	reverse_proxy LEGACY`

// A flood of cookies that name nothing, from many addresses and from one: sessions that are known keep being answered, one
// client has two questions under way at most, and unknown sessions have half of the slots.
func TestFloodOfRandomCookies(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(i int) string{
		"many clients": func(i int) string { return fmt.Sprintf("192.0.2.%d", i) },
		"one client":   func(int) string { return "192.0.2.1" },
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.NewWith(t, harness.Options{
				Site: crowdedSite, Servers: "servers {\n trusted_proxies static 127.0.0.1/8 ::1/128\n }",
			})
			known := g.SignedIn()
			known.Headers.Set("X-Forwarded-For", "198.51.100.7")
			g.Expect(known.Get("/page"), "alice", "set", 1)
			crowd := newCrowd()
			g.Legacy.RespondWhoami(func(_ http.ResponseWriter, r *http.Request) bool {
				if g.Legacy.User(r) == "" {
					client, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
					crowd.hold(client)
				}
				return false
			})
			var wait sync.WaitGroup
			for i := range 60 {
				wait.Go(func() {
					b := g.Browser()
					b.Cookies["session"] = fmt.Sprintf("random-session-id-%d", i)
					b.Headers.Set("X-Forwarded-For", address(i))
					if response := b.Get("/page"); response.StatusCode != http.StatusUnauthorized {
						t.Errorf("status %d", response.StatusCode)
					}
				})
			}
			slots := map[string]int{"many clients": 4, "one client": 2}[name]
			for range slots {
				<-crowd.arrived
			}
			g.Clock.Advance(31 * time.Second)
			if response := known.Get("/page"); response.StatusCode != http.StatusOK || response.TokenSet() != "set" {
				t.Errorf("a known session waits behind the flood: status %d, token cookie %q", response.StatusCode, response.TokenSet())
			}
			delete(known.Cookies, harness.TokenName)
			g.Clock.Advance(61 * time.Second)
			if response := known.Get("/page"); response.StatusCode != http.StatusOK || response.TokenSet() != "set" {
				t.Errorf("nor is it without its token: status %d", response.StatusCode)
			}
			close(crowd.proceed)
			wait.Wait()
			if crowd.most > 4 {
				t.Errorf("%d questions about unknown sessions at once", crowd.most)
			}
			for client, most := range crowd.mostBy {
				if most > 2 {
					t.Errorf("%s had %d questions at once", client, most)
				}
			}
		})
	}
}

// More than 1024 requests don't wait: those beyond are answered 503 at once, and not with anybody's identity.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it opens a thousand connections")
	}
	g := harness.NewWith(t, harness.Options{Site: crowdedSite})
	crowd := newCrowd()
	g.Legacy.RespondWhoami(func(_ http.ResponseWriter, _ *http.Request) bool {
		crowd.hold("")
		return false
	})
	const requests = 1100
	answers := make(chan int, requests)
	var wait sync.WaitGroup
	for i := range requests {
		wait.Go(func() {
			b := g.Browser()
			b.Cookies["session"] = fmt.Sprintf("random-session-id-%d", i)
			answers <- b.Get("/page").StatusCode
		})
	}
	for range requests - 1024 - 2 { // all come from one address, which has two questions under way
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", status)
		}
	}
	close(crowd.proceed)
	wait.Wait()
	close(answers)
	for status := range answers {
		if status != http.StatusUnauthorized {
			t.Errorf("of those who waited one got %d", status)
		}
	}
}
