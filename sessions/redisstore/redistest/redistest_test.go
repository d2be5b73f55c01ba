package redistest

import (
	"os"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.Run(m)) }

// A server keeps what it was given over a restart if its settings say so.
func TestServer(t *testing.T) {
	Each(t, func(t *testing.T, engine Engine) {
		for _, test := range []struct {
			name     string
			settings Settings
			kept     string
		}{
			{"in memory", Settings{}, ""},
			{"on disk", Settings{AppendOnly: true}, "value"},
			{"with a password", Settings{Password: "secret", AppendOnly: true}, "value"},
			{"with TLS", Settings{TLS: true, Users: []string{"shop on >secret ~* +@all"}}, ""},
		} {
			t.Run(test.name, func(t *testing.T) {
				server := engine.Start(t, test.settings)
				server.Do("SET", "name", "value")
				server.Pause()
				server.Resume()
				if got := server.Do("GET", "name"); got != "value" {
					t.Errorf("the server says %q", got)
				}
				address := server.Address()
				server.Kill()
				server.Start()
				if got := server.Do("GET", "name"); got != test.kept || server.Address() != address {
					t.Errorf("after a restart the server at %s says %q, want %q", server.Address(), got, test.kept)
				}
				server.Stop()
			})
		}
	})
}
