package telemetry

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Why a token is sent.
const (
	CauseFirst    = "first"    // the session had none
	CauseRenewal  = "renewal"  // the one that came is near its end
	CauseReplaced = "replaced" // the one that came did not count
)

// Mismatch says in what mixed mode would have decided a request otherwise than the session did. Empty: in nothing.
type Mismatch string

const (
	// MismatchSignedOut: the token would have let the request in, and its session is not active.
	MismatchSignedOut Mismatch = "signed_out"
	// MismatchUser: the token names another user than the session does.
	MismatchUser Mismatch = "user"
	// MismatchAttributes: the token has other attributes than the session.
	MismatchAttributes Mismatch = "attributes"
	// MismatchUndetermined: the token would have let the request in, and whether the session is active could not be told.
	MismatchUndetermined Mismatch = "undetermined"
)

// The outcomes of questions to the application, as metrics and the status name them.
const (
	OutcomeIdentified   = "identified"
	OutcomeNobody       = "nobody"
	OutcomeCouldNotTell = "could_not_tell"
)

// OutcomeName returns the outcome in a word.
func OutcomeName(outcome whoami.Outcome) string {
	switch outcome.(type) {
	case whoami.Identified:
		return OutcomeIdentified
	case whoami.Nobody:
		return OutcomeNobody
	default:
		return OutcomeCouldNotTell
	}
}

// OutcomeReason returns why the outcome is no user.
func OutcomeReason(outcome whoami.Outcome) whoami.Reason {
	switch outcome := outcome.(type) {
	case whoami.Nobody:
		return outcome.Reason
	case whoami.CouldNotTell:
		return outcome.Reason
	default:
		return ""
	}
}
