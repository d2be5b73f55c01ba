package validator

// Mode says which credentials of a route speak. The zero value lets none speak.
type Mode uint8

const (
	// Mixed: a usable token is enough; without one the session is looked up.
	Mixed Mode = iota + 1
	// Stateful: the session is looked up with every request; tokens are not looked at.
	Stateful
	// Stateless: the token counts alone; session cookies are not looked at.
	Stateless
	// Shadow: the session decides as in Stateful; tokens are minted and checked beside it, and say nothing.
	Shadow
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
	// Unknown: there is no record of the session, and the application was not asked.
	Unknown SessionState = iota
	// NotAsked: nobody was asked yet.
	NotAsked
	// Active: the session is active.
	Active
	// Undetermined: the store or the application did not answer. Neither yes nor no.
	Undetermined
	// Revoked: the operator said no, to the session or to its user. Nobody else is asked.
	Revoked
	// Nobody: the application answered that nobody is signed in with the session.
	Nobody
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
	// MayRestore says that a usable token may stand for session cookies that did not come.
	MayRestore bool
	// OutsideShare says that the session is not in the share of sessions that tokens are for.
	OutsideShare bool
}

// Verdict is the outcome of [Decide] and [DecideAccess]: [ByToken], [BySession], [ByIssuer], [AskSession], [Unauthenticated]
// or [CouldNotTell], and nothing else. Only DecideAccess returns [ByIssuer]. A nil Verdict is no permission.
//
//sumtype:decl
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
type ByToken struct {
	// Restore says that the session cookies that the token is bound to are to be added upstream. Such a token is not
	// renewed outside of Stateless: nothing shows that the browser still has its session.
	Restore bool
}

// BySession: the session is active and says who the user is.
type BySession struct {
	Token TokenCookie
	// Reason says why a token that came was passed over, if one was.
	Reason Reason
}

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
	case Stateless:
		return decideStateless(e)
	case Shadow:
		return decideShadow(e)
	default:
		return Unauthenticated{Reason: NoCredentials}
	}
}

func decideMixed(e Evidence) Verdict {
	if e.OutsideShare && e.Token != TokenForeign {
		if e.Token == TokenUsable {
			e.TokenReason = TokenOutsideShare
		}
		return decideSession(e, ClearToken, ClearToken)
	}
	active, otherwise := cookieActions(e)
	if e.Token != TokenUsable {
		return decideSession(e, active, otherwise)
	}
	switch e.Binding {
	case SameSession:
		if e.Session == Revoked { // the token is dead as well; whichever was seen first
			return Unauthenticated{Reason: SessionRevoked, Token: ClearToken}
		}
		return ByToken{}
	case NoSession:
		if e.MayRestore {
			return ByToken{Restore: true}
		}
		return Unauthenticated{Reason: SessionMissing, Token: LeaveToken}
	default:
		e.TokenReason = TokenOtherSession
		return decideSession(e, active, otherwise)
	}
}

// decideShadow lets the session alone decide, and treats the token's cookie as Mixed would.
func decideShadow(e Evidence) Verdict {
	active, otherwise := cookieActions(e)
	if e.Token == TokenUsable {
		switch e.Binding {
		case SameSession:
			active = LeaveToken
		case NoSession:
			e.TokenReason, otherwise = SessionMissing, LeaveToken
		default:
			e.TokenReason = TokenOtherSession
		}
	}
	return decideSession(e, active, otherwise)
}

// decideStateless lets the token alone decide. Cookies are restored for the application behind where that is wanted and
// none came.
func decideStateless(e Evidence) Verdict {
	switch e.Token {
	case TokenUsable:
		return ByToken{Restore: e.MayRestore && e.Binding == NoSession}
	case TokenAbsent, TokenForeign:
		return Unauthenticated{Reason: firstReason(e.TokenReason, NoCredentials), Token: LeaveToken}
	default:
		return Unauthenticated{Reason: firstReason(e.TokenReason, NoCredentials), Token: ClearToken}
	}
}

// cookieActions says what becomes of a token cookie that does not decide: with an active session, and with all else.
func cookieActions(e Evidence) (active, otherwise TokenCookie) {
	switch e.Token {
	case TokenAbsent:
		return ReplaceToken, LeaveToken
	case TokenForeign:
		// Another realm's token sits where ours would: it is neither overwritten nor cleared.
		return LeaveToken, LeaveToken
	default:
		return ReplaceToken, ClearToken
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
		return BySession{Token: active, Reason: e.TokenReason}
	case Undetermined:
		return CouldNotTell{Token: otherwise}
	case Revoked:
		return Unauthenticated{Reason: SessionRevoked, Token: otherwise}
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
