package validator

// Passage says what becomes of the session cookies of a request that may go on. The zero value withholds them.
type Passage uint8

const (
	// WithholdSession: the application does not get the session cookies.
	WithholdSession Passage = iota
	// ForwardSession: the session cookies go on as they came.
	ForwardSession
	// RefuseRequest: whose session it is could not be told, so the request itself does not go on.
	RefuseRequest
)

// PassageEvidence is all that [Pass] rests on.
type PassageEvidence struct {
	Cookies Presence
	Session SessionState
	// Identified says that the request goes on with an identity.
	Identified bool
	// Bound says that the token that names the user is bound to the session that came.
	Bound bool
	// Revoking says that a revocation of a session or a user is in force in the realm.
	Revoking bool
	// SetSince says that the gateway saw the application set the session's id after the last of these revocations.
	SetSince bool
}

// Pass decides whether the application gets the session cookies of a request. The application has not heard of a
// revocation. So while one is in force it gets only a session that was judged: one that is active, one that it does not
// know itself, or one that it has opened since. Any other may be the revoked session under another spelling.
func Pass(e PassageEvidence) Passage {
	switch {
	case e.Session == Revoked:
		return WithholdSession
	case !e.Revoking, e.Cookies == Absent:
		return ForwardSession
	case e.Cookies != Present:
		return passUnjudged(e)
	case e.Bound, e.Session == Active, e.Session == Nobody:
		return ForwardSession
	case e.Session == Undetermined:
		return passUnjudged(e)
	case e.SetSince:
		return ForwardSession
	default:
		return WithholdSession
	}
}

// passUnjudged withholds the cookies, and the whole request where nothing else names its user and the application may
// only be unable to answer at the moment.
func passUnjudged(e PassageEvidence) Passage {
	if e.Session == Undetermined && !e.Identified {
		return RefuseRequest
	}
	return WithholdSession
}
