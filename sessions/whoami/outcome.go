package whoami

import (
	"context"
	"errors"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Outcome is what an answer means: [Identified], [Nobody] or [CouldNotTell]. A nil Outcome means [CouldNotTell].
//
//sumtype:decl
type Outcome interface{ outcome() }

// Identified says whose session it is.
type Identified struct {
	// User is the user id: visible ASCII, 1 to 256 bytes.
	User string
	// Attributes holds every attribute that the page was asked for; those that it does not say are not present.
	Attributes sessions.Attributes
}

// Nobody says that the session is nobody's.
type Nobody struct{ Reason Reason }

// CouldNotTell says neither yes nor no.
type CouldNotTell struct {
	Reason Reason
	// Location is, with [MovedPermanently], what to write in the configuration instead, where the answer says so.
	Location string
	// Cookies names, with [ChangesSession], the session cookies that the answer changes.
	Cookies []string
}

func (Identified) outcome()   {}
func (Nobody) outcome()       {}
func (CouldNotTell) outcome() {}

// NotAsked returns the outcome where [Queue.Do] returned an error.
func NotAsked(err error) CouldNotTell {
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return CouldNotTell{Reason: Panicked}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return CouldNotTell{Reason: CallerLeft}
	default:
		return CouldNotTell{Reason: Busy}
	}
}
