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

// Identified is the outcome that the session belongs to a user.
type Identified struct {
	// User is the user id: visible ASCII, 1 to 256 bytes.
	User string
	// Attributes holds every attribute of [Page.Attributes]. An attribute that the page does not hold is not present.
	Attributes sessions.Attributes
}

// Nobody is the outcome that the session belongs to nobody.
type Nobody struct {
	// Reason is why.
	Reason Reason
}

// CouldNotTell is the outcome that it is not known whose session it is.
type CouldNotTell struct {
	// Reason is why.
	Reason Reason
	// Location is what to write in the configuration instead, beside the reason [MovedPermanently]. It is empty if the answer
	// does not tell.
	Location string
	// Cookies holds the names of the session cookies that the answer changes, beside the reason [ChangesSession].
	Cookies []string
}

func (Identified) outcome()   {}
func (Nobody) outcome()       {}
func (CouldNotTell) outcome() {}

// NotAsked returns the outcome for an error of [Queue.Do].
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
