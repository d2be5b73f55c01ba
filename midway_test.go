package jwtsession_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// goAlong lets the gateway's clock go. How old the knowledge of a store is that gateways share is told by the machine's own clock.
func goAlong(t *testing.T, g *harness.Gateway) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case now := <-ticker.C:
				g.Clock.Advance(now.Sub(last))
				last = now
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

var lookUps = regexp.MustCompile(`cmdstat_mget:calls=(\d+)`)

// A token may be revoked while its renewal asks the application. Then the session decides, as it was found for the renewal: a
// second look at the store could find something else, so that the application would get the user without the session.
func TestTokenRevokedWhileItIsRenewed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		g := harness.NewWith(t, harness.Options{
			Store: fmt.Sprintf("redis %s {\ndir %q\n}", server.URL(), t.TempDir()),
			Site:  "jwt_session shop {\nwhoami /whoami json user\nrenew_before 59s\n}\nrequest_header X-Via {http.jwt_session.via}\nreverse_proxy LEGACY",
		})
		goAlong(t, g)
		g.RevokeSomebody() // so that sessions that nobody has judged are withheld from the application
		count := func() int {
			found := lookUps.FindStringSubmatch(server.Do("INFO", "commandstats"))
			if found == nil {
				t.Fatal("the server has not counted look-ups")
			}
			calls, _ := strconv.Atoi(found[1])
			return calls
		}
		b := g.WithToken()
		claims := g.Claims(b)
		g.Clock.Advance(2 * time.Second) // so that it is to be renewed
		before := 0
		g.Legacy.RespondWhoami(func(http.ResponseWriter, *http.Request) bool {
			if before == 0 {
				g.MustAdmin("revocations", map[string]any{"jti": claims.TokenID(), "exp": claims.Expires()})
				before = count()
			}
			return false
		})
		response := b.Get("/page")
		if before == 0 || response.Received == nil {
			t.Fatalf("asked: %t, status %d\n%s", before != 0, response.StatusCode, g.Logged())
		}
		if via := response.Received.Header.Get("X-Via"); via != "session" || response.Received.User(t) != "alice" {
			t.Errorf("decided by %q for %q, want alice by the session", via, response.Received.User(t))
		}
		if looked := count() - before; looked != 1 {
			t.Errorf("the session was looked up %d times after the application had answered, want once", looked)
		}
	})
}

// A token that is revoked while its renewal waits for the application counts no longer, whatever comes of the renewal.
func TestTokenRevokedWhileItsRenewalFails(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"an error":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"no answer": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"nobody":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		for _, isRevoked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, revoked %t", name, isRevoked), func(t *testing.T) {
				g := harness.NewWith(t, harness.Options{
					Site: "jwt_session shop {\nwhoami /whoami json user\n}\nrequest_header X-Via {http.jwt_session.via}\nreverse_proxy LEGACY",
				})
				b := g.WithToken()
				claims := g.Claims(b)
				g.Clock.Advance(40 * time.Second)
				g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
					if isRevoked {
						g.MustAdmin("revocations", map[string]any{"jti": claims.TokenID(), "exp": claims.Expires()})
					}
					w.Header().Set("Cache-Control", "no-store")
					answer(w)
					return true
				})
				response := b.Get("/page")
				byToken := response.Received != nil && response.Received.Header.Get("X-Via") == "token"
				if want := !isRevoked && name != "nobody"; byToken != want {
					t.Errorf("status %d: decided by the token %t, want %t", response.StatusCode, byToken, want)
				}
			})
		}
	}
}
