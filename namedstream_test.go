package jwtsession_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// newNamedStreams is an application whose streams say themselves whose they are. Those at a path with "begin" begin the
// session as well, under the returned id.
func newNamedStreams(t *testing.T, tls bool) (s *streamingApp, begun string) {
	t.Helper()
	s = newStreamingApp(t, harness.Options{TLS: tls, Site: `
		jwt_session shop {
			response_user X-Remote-User
			unauthenticated pass
		}
		reverse_proxy LEGACY`})
	begun = s.Legacy.SignIn("alice")
	s.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		header := http.Header{"X-Remote-User": {"alice"}}
		if strings.Contains(r.URL.Path, "begin") {
			header.Set("Set-Cookie", "session="+begun+"; Path=/")
		}
		switch {
		case strings.HasPrefix(r.URL.Path, "/socket"):
			server := websocket.Server{Config: websocket.Config{Header: header}, Handler: s.echo}
			server.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/events"):
			for name, values := range header {
				w.Header()[name] = values
			}
			s.stream(w, r, harness.EventStream)
		default:
			return false
		}
		return true
	})
	return s, begun
}

// A stream whose own response names its user, or begins his session, would go on for as long as it likes, after he was
// revoked and signed out.
func TestStreamsThatNameTheirUserAreClosed(t *testing.T) {
	ends := map[string]func(*streamingApp, *harness.Browser){}
	for _, cause := range []string{
		"sign-out in another tab", "the session is ended by the operator", "the session is revoked", "the user is revoked",
		"the user is revoked everywhere", "the realm is flushed", "all is flushed",
	} {
		ends[cause] = streamEnds[cause]
	}
	for cause, end := range ends {
		for _, kind := range []string{"event source", "events", "socket"} {
			for _, begins := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/begins the session %t", cause, kind, begins), func(t *testing.T) {
					s, begun := newNamedStreams(t, kind == "events")
					b := s.Browser()
					path := map[string]string{"event source": "/events", "events": "/events", "socket": "/socket"}[kind]
					if begins {
						path += "/begin"
					} else {
						b.Cookies["session"] = s.Legacy.SignIn("alice")
					}
					stream := s.open(b, kind, path)
					if s.ledger().Watching() != 1 {
						t.Fatalf("%d streams are watched", s.ledger().Watching())
					}
					if begins {
						b.Cookies["session"] = begun
					}
					if err := stream.next(); err != nil {
						t.Fatalf("before: %v", err)
					}
					end(s, b)
					if err := stream.ended(); err != nil {
						t.Error(err)
					}
					<-s.left
					s.waitFor("the stream is still watched", func() bool { return s.ledger().Watching() == 0 })
				})
			}
		}
	}
}

// A stream that bob opened, by his session or by his token, and whose response says that it is alice's by now, is alice's.
func TestStreamThatNamesAnotherUser(t *testing.T) {
	for _, byToken := range []bool{false, true} {
		t.Run(fmt.Sprintf("by token %t", byToken), func(t *testing.T) {
			s, _ := newNamedStreams(t, false)
			b := s.Browser()
			b.Cookies["session"] = s.Legacy.SignIn("bob")
			s.MustAdmin("sessions", map[string]any{"realm": "shop", "user": "bob", "id": b.Cookies["session"], "expires_in": 600})
			if byToken {
				if response := b.Get("/page"); response.TokenSet() != "set" {
					t.Fatalf("the first request brought no token: %q", response.TokenSet())
				}
			}
			stream := s.open(b, "event source", "/events")
			if err := stream.next(); err != nil {
				t.Fatalf("it was closed with bob's session: %v", err)
			}
			s.post("revocations", `{"user": "alice"}`)
			if err := stream.ended(); err != nil {
				t.Error(err)
			}
		})
	}
}
