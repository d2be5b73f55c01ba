package validator

// Passage is what becomes of the session cookies of a request that may go on. The zero value withholds them.
type Passage uint8

const (
	// WithholdSession means that the application does not get the session cookies.
	WithholdSession Passage = iota
	// ForwardSession means that the session cookies go on as they came.
	ForwardSession
	// RefuseRequest means that the request does not go on, because nobody can tell whose session it is.
	RefuseRequest
)

// PassageEvidence is all that [Pass] decides by.
type PassageEvidence struct {
	// Cookies tells whether a session id came.
	Cookies Presence
	// Session is the state of the session that came.
	Session SessionState
	// Identified reports whether the request goes on with an identity.
	Identified bool
	// Bound reports whether the token that names the user is bound to the session that came.
	Bound bool
	// Revoking reports whether a revocation of a session or a user is in force in the realm.
	Revoking bool
	// SetSince reports whether the gateway saw the application set the session's id after the last of these revocations.
	SetSince bool
}

// Pass returns what becomes of the session cookies of a request. The application has not heard of a revocation. So while one
// is in force, it gets only a session that the gateway has decided about: one that is active, one that the application does
// not know itself, or one that it has opened since. Any other may be the revoked session under another spelling.
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

// passUnjudged withholds the cookies. It refuses the whole request if nothing else names its user and the application may
// just be unable to answer at the moment.
func passUnjudged(e PassageEvidence) Passage {
	if e.Session == Undetermined && !e.Identified {
		return RefuseRequest
	}
	return WithholdSession
}
