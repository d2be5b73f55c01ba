package ledger

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Storage is one open place that keeps sessions and the blacklist. Its methods return the same values every time.
type Storage interface {
	Sessions() sessions.Store
	Journal() blacklist.Journal
	// Close ends the use of both. What is called afterwards, or is still running, returns an error of its kind
	// ([sessions.ErrUnavailable], [blacklist.ErrUnavailable]).
	Close() error
}
