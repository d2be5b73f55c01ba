package jwks

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
)

// What a cache may remember is fetched anew before a key signs that it does not know.
func TestJWKSMaxAge(t *testing.T) {
	for delay, want := range map[time.Duration]time.Duration{
		time.Second: 0, 10 * time.Second: 0, 30 * time.Second: 10 * time.Second, 5 * time.Minute: 145 * time.Second,
		24 * time.Hour: 5 * time.Minute,
	} {
		if got := keysMaxAge(&app.KeyRotation{KeyDelay: caddy.Duration(delay)}); got != want {
			t.Errorf("key_delay %s: max-age %s, want %s", delay, got, want)
		}
	}
}
