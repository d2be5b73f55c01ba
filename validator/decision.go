package validator

// Mode says which credentials of a route speak. The zero value lets none speak.
type Mode uint8

const (
	// Mixed: a usable token is enough; without one the session is looked up.
	Mixed Mode = iota + 1
	// Stateful: the session is looked up with every request; tokens are not looked at.
	Stateful
)

// Binding compares the session that a usable token is bound to with the one that came with the request. The zero value
// is another session.
type Binding uint8

const (
	// OtherSession: the token is bound to another session.
	OtherSession Binding = iota
	// NoSession: no session cookie came at all.
	NoSession
	// SameSession: the token is bound to the session that came.
	SameSession
)

// Bind compares in constant time.
func Bind(token Token, session SessionCredential) Binding {
	switch {
	case token.Claims == nil:
		return OtherSession
	case session.Presence == Absent:
		return NoSession
	case session.Presence == Present && session.Hash.Equal(token.Claims.session):
		return SameSession
	default:
		return OtherSession
	}
}

// SessionState is what the store, and the application where it was asked, say of a session. The zero value is unknown.
type SessionState uint8

const (
	// Unknown: nobody knows the session.
	Unknown SessionState = iota
	// NotAsked: nobody was asked yet.
	NotAsked
	// Active: the session is active.
	Active
	// Undetermined: the store or the application did not answer. Neither yes nor no.
	Undetermined
)

// Evidence is all that a decision rests on.
type Evidence struct {
	Mode    Mode
	Token   TokenState
	Binding Binding           // of a usable token
	Cookies SessionCredential // only its presence and reason count
	Session SessionState
	// TokenReason says why the token is not usable, for the verdict to repeat.
	TokenReason Reason
}

// Verdict is the outcome of [Decide]: [ByToken], [BySession], [AskSession], [Unauthenticated] or [CouldNotTell], and
// nothing else. A nil Verdict is no permission.
type Verdict interface{ verdict() }

// TokenCookie says what becomes of the token cookie in the response. The zero value leaves it alone.
type TokenCookie uint8

const (
	// LeaveToken: the cookie stays as it is.
	LeaveToken TokenCookie = iota
	// ReplaceToken: a new token is due; where none can be minted, a token that came is cleared if it is not usable.
	ReplaceToken
	// ClearToken: the token that came is of no use any more.
	ClearToken
)

// ByToken: the token says who the user is. Nobody is asked.
type ByToken struct{}

// BySession: the session is active and says who the user is.
type BySession struct{ Token TokenCookie }

// AskSession: the token does not decide. Look the session up, and decide again.
type AskSession struct{}

// Unauthenticated: nobody is signed in with this request.
type Unauthenticated struct {
	Reason Reason
	Token  TokenCookie
}

// CouldNotTell: whether somebody is signed in could not be found out.
type CouldNotTell struct{ Token TokenCookie }

func (ByToken) verdict()         {}
func (BySession) verdict()       {}
func (AskSession) verdict()      {}
func (Unauthenticated) verdict() {}
func (CouldNotTell) verdict()    {}

// Decide is the whole decision. Two cells of its table surprise at first. A token that is not usable, even a forged or
// a revoked one, is as if absent, and the session cookie decides alone: that is safe because the session id inside a
// token is sealed, so that who got hold of a token holds no session. And a usable token without any session cookie
// authenticates nobody, yet is left in place: the session cookie may have a narrower path than the token's.
func Decide(e Evidence) Verdict {
	switch e.Mode {
	case Stateful:
		// Tokens of this route's realm are not looked at, and so neither replaced nor cleared.
		return decideSession(e, LeaveToken, LeaveToken)
	case Mixed:
		return decideMixed(e)
	default:
		return Unauthenticated{Reason: NoCredentials}
	}
}

func decideMixed(e Evidence) Verdict {
	switch e.Token {
	case TokenUsable:
		switch e.Binding {
		case SameSession:
			return ByToken{}
		case NoSession:
			return Unauthenticated{Reason: SessionMissing, Token: LeaveToken}
		default:
			e.TokenReason = TokenOtherSession
			return decideSession(e, ReplaceToken, ClearToken)
		}
	case TokenAbsent:
		return decideSession(e, ReplaceToken, LeaveToken)
	case TokenForeign:
		// Another realm's token sits where ours would: it is neither overwritten nor cleared.
		return decideSession(e, LeaveToken, LeaveToken)
	default:
		return decideSession(e, ReplaceToken, ClearToken)
	}
}

// decideSession decides by the session alone. The cookie actions are for an active session and for all else.
func decideSession(e Evidence, active, otherwise TokenCookie) Verdict {
	switch e.Cookies.Presence {
	case Absent:
		return Unauthenticated{Reason: firstReason(e.TokenReason, NoCredentials), Token: otherwise}
	case Present:
	default:
		return Unauthenticated{Reason: firstReason(e.Cookies.Reason, SessionAmbiguous), Token: otherwise}
	}
	switch e.Session {
	case NotAsked:
		return AskSession{}
	case Active:
		return BySession{Token: active}
	case Undetermined:
		return CouldNotTell{Token: otherwise}
	default:
		return Unauthenticated{Reason: SessionUnknown, Token: otherwise}
	}
}

func firstReason(reasons ...Reason) Reason {
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}
