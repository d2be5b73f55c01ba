package jwtsession

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// racers is how many requests are under way at once while the operator or the user says no.
const racers = 64

// TestNoRequestPassesAfterTheNo races requests on both paths, due for renewal, against everything that ends a session.
// Those that begin after the answer must not pass, and what the others bring must not bring it back.
func TestNoRequestPassesAfterTheNo(t *testing.T) {
	for name, say := range map[string]func(*testGateway, *browser){
		"revoked session": func(g *testGateway, b *browser) {
			g.mustAdmin("revocations", map[string]any{"realm": "shop", "session": b.cookies["session"]})
		},
		"revoked user": func(g *testGateway, _ *browser) {
			g.mustAdmin("revocations", map[string]any{"realm": "shop", "user": "alice"})
		},
		"signed out": func(g *testGateway, b *browser) {
			if response := b.get("/logout"); response.StatusCode != http.StatusOK {
				g.Errorf("signing out: status %d", response.StatusCode)
			}
		},
		"signed out quietly": func(g *testGateway, b *browser) {
			if response := b.get("/quiet-logout"); response.StatusCode != http.StatusOK {
				g.Errorf("signing out: status %d", response.StatusCode)
			}
		},
		"ended by the operator, and by the application": func(g *testGateway, b *browser) {
			g.legacy.set(b.cookies["session"], "")
			status, answer := g.admin(http.MethodPost, "sessions/end", `{"realm": "shop", "session": "`+b.cookies["session"]+`"}`)
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

func raceAgainst(t *testing.T, say func(*testGateway, *browser)) {
	g := newTestGateway(t, "forget_on /quiet-logout")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	g.clock.advance(31 * time.Second) // so that each token is due for renewal, and the session for a question
	session, token := b.cookies["session"], b.cookies[tokenName]
	var said atomic.Bool
	var under sync.WaitGroup
	started, stop := make(chan struct{}, racers), make(chan struct{})
	for i := range racers {
		racer := g.browser()
		racer.cookies["session"] = session
		if i%2 == 0 {
			racer.cookies[tokenName] = token
		}
		under.Go(func() {
			started <- struct{}{}
			for {
				after := said.Load()
				racer.cookies["session"] = session
				response := racer.get("/page")
				if after && response.StatusCode != http.StatusUnauthorized {
					t.Errorf("a request after the no: status %d", response.StatusCode)
				}
				if after && response.tokenSet() == "set" {
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
	thief := g.browser()
	for range 3 {
		thief.cookies["session"], thief.cookies[tokenName] = session, token
		if response := thief.get("/page"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("the old credentials after the no: status %d", response.StatusCode)
		}
	}
	close(stop)
	under.Wait()
	thief.cookies["session"], thief.cookies[tokenName] = session, token
	if response := thief.get("/page"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old credentials when all is quiet: status %d", response.StatusCode)
	}
}
