package ledger

import (
	"errors"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// ErrOtherStore is what an engine returns that was to open a store again which is not there any more: the place has gone,
// is empty, or holds another one. To take it for the former one would be to forget every revocation.
var ErrOtherStore = errors.New("the store that was here is not here any more")

// Storage is one open place that keeps sessions and the blacklist. Its methods return the same values every time.
type Storage interface {
	Sessions() sessions.Store
	Journal() blacklist.Journal
	// Close ends the use of both. What is called afterwards, or is still running, returns an error of its kind
	// ([sessions.ErrUnavailable], [blacklist.ErrUnavailable]).
	Close() error
}
