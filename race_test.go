package jwtsession_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// racers is how many requests are under way at once while the operator or the user says no.
const racers = 64

// TestNoRequestPassesAfterTheNo races requests on both paths, due for renewal, against everything that ends a session.
// Those that begin after the answer must not pass, and what the others bring must not bring it back.
func TestNoRequestPassesAfterTheNo(t *testing.T) {
	for name, say := range map[string]func(*harness.Gateway, *harness.Browser){
		"revoked session": func(g *harness.Gateway, b *harness.Browser) {
			g.MustAdmin("revocations", map[string]any{"realm": "shop", "session": b.Cookies["session"]})
		},
		"revoked user": func(g *harness.Gateway, _ *harness.Browser) {
			g.MustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
		},
		"signed out": func(g *harness.Gateway, b *harness.Browser) {
			if response := b.Get("/logout"); response.StatusCode != http.StatusOK {
				g.Errorf("signing out: status %d", response.StatusCode)
			}
		},
		"signed out quietly": func(g *harness.Gateway, b *harness.Browser) {
			if response := b.Get("/quiet-logout"); response.StatusCode != http.StatusOK {
				g.Errorf("signing out: status %d", response.StatusCode)
			}
		},
		"ended by the operator, and by the application": func(g *harness.Gateway, b *harness.Browser) {
			g.Legacy.Set(b.Cookies["session"], "")
			status, answer := g.Admin(http.MethodPost, "sessions/end", `{"realm": "shop", "session": "`+b.Cookies["session"]+`"}`)
			if status != http.StatusOK && status != http.StatusNotFound { // a request may have asked, and ended it already
				g.Errorf("ending the session: status %d: %v", status, answer)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				raceAgainst(t, say)
			}
		})
	}
}

func raceAgainst(t *testing.T, say func(*harness.Gateway, *harness.Browser)) {
	g := harness.New(t, "forget_on /quiet-logout")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	g.Clock.Advance(31 * time.Second) // so that each token is due for renewal, and the session for a question
	session, token := b.Cookies["session"], b.Cookies[harness.TokenName]
	var said atomic.Bool
	var under sync.WaitGroup
	started, stop := make(chan struct{}, racers), make(chan struct{})
	for i := range racers {
		racer := g.Browser()
		racer.Cookies["session"] = session
		if i%2 == 0 {
			racer.Cookies[harness.TokenName] = token
		}
		under.Go(func() {
			started <- struct{}{}
			for {
				after := said.Load()
				racer.Cookies["session"] = session
				response := racer.Get("/page")
				if after && response.StatusCode != http.StatusUnauthorized {
					t.Errorf("a request after the no: status %d", response.StatusCode)
				}
				if after && response.TokenSet() == "set" {
					t.Error("a token was minted after the no")
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range racers {
		<-started
	}
	say(g, b)
	said.Store(true)
	thief := g.Browser()
	for range 3 {
		thief.Cookies["session"], thief.Cookies[harness.TokenName] = session, token
		if response := thief.Get("/page"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("the old credentials after the no: status %d", response.StatusCode)
		}
	}
	close(stop)
	under.Wait()
	thief.Cookies["session"], thief.Cookies[harness.TokenName] = session, token
	if response := thief.Get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old credentials when all is quiet: status %d", response.StatusCode)
	}
}
