package validator

// Mode is which credentials count on a route. With the zero value, none does.
type Mode uint8

const (
	// Mixed means that a usable token is enough. Without one, the session is looked up.
	Mixed Mode = iota + 1
	// Stateful means that the session is looked up with every request. Tokens are ignored.
	Stateful
	// Stateless means that the token alone counts. Session cookies are ignored.
	Stateless
	// Shadow means that the session decides as in [Stateful]. Tokens are minted and checked beside it and decide nothing.
	Shadow
)

// Binding tells whether a usable token is bound to the session that came with the request. The zero value is
// [OtherSession].
type Binding uint8

const (
	// OtherSession means that the token is bound to another session.
	OtherSession Binding = iota
	// NoSession means that no session cookie came.
	NoSession
	// SameSession means that the token is bound to the session that came.
	SameSession
)

// Bind compares the session that a token is bound to with the one that came. It compares in constant time.
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

// SessionState is what is known of a session from the store and, if it was asked, from the application. The zero value is
// [Unknown].
type SessionState uint8

const (
	// Unknown means that there is no record of the session and that the application was not asked.
	Unknown SessionState = iota
	// NotAsked means that nobody was asked yet.
	NotAsked
	// Active means that the session is active.
	Active
	// Undetermined means neither yes nor no: the store or the application did not answer.
	Undetermined
	// Revoked means that the session or its user is revoked. Nobody else is asked.
	Revoked
	// Nobody means that the application answered that nobody is signed in with the session.
	Nobody
)

// Evidence is all that [Decide] decides by.
type Evidence struct {
	// Mode is that of the route.
	Mode Mode
	// Token is what the token is worth.
	Token TokenState
	// Binding is that of a usable token.
	Binding Binding
	// Cookies is the session credential. Only its presence and reason count.
	Cookies SessionCredential
	// Session is the state of the session that came.
	Session SessionState
	// TokenReason is why the token is not usable. The verdict repeats it.
	TokenReason Reason
	// MayRestore reports whether a usable token may stand for session cookies that did not come.
	MayRestore bool
	// OutsideShare reports whether the session is outside of the share of sessions that get tokens.
	OutsideShare bool
}

// Verdict is the outcome of [Decide] and [DecideAccess]: [ByToken], [BySession], [ByIssuer], [AskSession], [Unauthenticated]
// or [CouldNotTell], and nothing else. Only DecideAccess returns [ByIssuer]. A nil Verdict is no permission.
//
//sumtype:decl
type Verdict interface{ verdict() }

// TokenCookie is what becomes of the token cookie in the response. The zero value leaves it alone.
type TokenCookie uint8

const (
	// LeaveToken means that the cookie stays as it is.
	LeaveToken TokenCookie = iota
	// ReplaceToken means that a new token is due. If none can be minted, a token that came and is not usable is cleared.
	ReplaceToken
	// ClearToken means that the token that came is cleared.
	ClearToken
)

// ByToken is the verdict that the token names the user. Nobody is asked.
type ByToken struct {
	// Restore reports whether the session cookies that the token is bound to are to be added upstream. Such a token is
	// renewed in mode [Stateless] only: nothing shows that the browser still has its session.
	Restore bool
}

// BySession is the verdict that the session is active and names the user.
type BySession struct {
	// Token is what becomes of the token cookie.
	Token TokenCookie
	// Reason is why a token that came was not used. It is empty if none came.
	Reason Reason
}

// AskSession is the verdict that the token does not decide. Look up the session and decide again.
type AskSession struct{}

// Unauthenticated is the verdict that nobody is signed in with the request.
type Unauthenticated struct {
	// Reason is why nobody is signed in.
	Reason Reason
	// Token is what becomes of the token cookie.
	Token TokenCookie
}

// CouldNotTell is the verdict that it is not known whether somebody is signed in.
type CouldNotTell struct {
	// Token is what becomes of the token cookie.
	Token TokenCookie
}

func (ByToken) verdict()         {}
func (BySession) verdict()       {}
func (AskSession) verdict()      {}
func (Unauthenticated) verdict() {}
func (CouldNotTell) verdict()    {}

// Decide returns the verdict on a request without access tokens. Two cells of its table surprise at first:
//
//   - A token that is not usable, even a forged or a revoked one, is treated as absent, and the session cookie decides
//     alone. This is safe because the session id inside a token is sealed: whoever has got a token has got no session.
//   - A usable token without any session cookie authenticates nobody and is left in place. The session cookie may have a
//     narrower path than the token's.
func Decide(e Evidence) Verdict {
	switch e.Mode {
	case Stateful:
		// Tokens of this route's realm are ignored, so they are neither replaced nor cleared.
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

// decideShadow decides by the session alone and treats the token's cookie as Mixed would.
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

// decideStateless decides by the token alone. If no session cookies came and it is wanted, they are restored for the
// application.
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

// cookieActions returns what becomes of a token cookie that does not decide: with an active session, and otherwise.
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

// decideSession decides by the session alone. The first cookie action is for an active session, the second for all else.
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
