package redisstore

import (
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// link is how the gateway is connected to the server. Its methods wait for nothing.
type link struct {
	reads, writes atomic.Bool
	synced        atomic.Pointer[time.Time]
}

// state returns the link as others see it.
func (l *link) state() storage.Link {
	state := storage.Link{Connected: l.reads.Load() && l.writes.Load()}
	if synced := l.synced.Load(); synced != nil {
		state.Synced = *synced
	}
	return state
}

// sync notes that the gateway knew every write at the given time.
func (l *link) sync(at time.Time) { l.synced.Store(&at) }

// lag returns by how much the gateway is behind, and false if it never knew every write.
func (l *link) lag(now time.Time) (time.Duration, bool) {
	synced := l.synced.Load()
	if synced == nil || synced.IsZero() {
		return 0, false
	}
	return max(now.Sub(*synced), 0), true
}
