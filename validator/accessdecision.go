package validator

// AccessState is what an access token of an identity provider is worth on this route. The zero value is worth nothing.
type AccessState uint8

const (
	// AccessUnusable tokens authenticate nobody; the reason says why.
	AccessUnusable AccessState = iota
	// AccessAbsent: none came.
	AccessAbsent
	// AccessUsable tokens say who the user is.
	AccessUsable
	// AccessUndetermined: the provider did not say which keys it has. Neither yes nor no.
	AccessUndetermined
)

// Access is what is known of the access tokens that came with a request, before sessions and our own tokens are thought
// of. The zero value authenticates nobody.
type Access struct {
	State AccessState
	// Reason says why a token is not usable.
	Reason Reason
	// User is who a usable token is of.
	User string
}

// ByIssuer: an access token says who the user is, and no session says otherwise.
type ByIssuer struct {
	// Token is what becomes of our own token, by the session that came beside it.
	Token TokenCookie
}

func (ByIssuer) verdict() {}

// Join joins the access tokens of one request: one usable token that all others agree with. Two users are a conflict,
// and a token of no use beside a usable one is passed over, as one beside a session is.
func (a Access) Join(other Access) Access {
	switch {
	case a.State == AccessUsable && other.State == AccessUsable && a.User != other.User:
		return Access{Reason: Conflict}
	case a.Reason == Conflict:
		return a
	case rank(other) > rank(a):
		return other
	default:
		return a
	}
}

// rank orders what of two tokens counts: a conflict above all, then what says yes, could not tell, says no, and nothing.
func rank(access Access) int {
	switch {
	case access.Reason == Conflict:
		return 4
	case access.State == AccessUsable:
		return 3
	case access.State == AccessUndetermined:
		return 2
	case access.State == AccessUnusable:
		return 1
	default:
		return 0
	}
}

// DecideAccess puts access tokens beside what was decided without them. Users are those whom our own token, where it
// verified, and the session, where it is active, name.
//
// An access token beside another user's session authenticates nobody: the application would see the one in the cookie
// and the other in the header. What makes a session unusable without telling whose it is denies for the same reason. A
// token of no use is as if absent, as ours are.
func DecideAccess(access Access, verdict Verdict, users ...string) Verdict {
	switch {
	case access.State == AccessUsable:
		for _, user := range users {
			if user != access.User {
				return Unauthenticated{Reason: Conflict, Token: LeaveToken}
			}
		}
		return decideUsableAccess(verdict)
	case access.Reason == Conflict:
		return Unauthenticated{Reason: Conflict, Token: LeaveToken}
	}
	without, nobody := verdict.(Unauthenticated)
	switch {
	case !nobody:
		return verdict
	case access.State == AccessUndetermined:
		return CouldNotTell{Token: LeaveToken}
	case access.State == AccessUnusable && without.Reason == NoCredentials:
		without.Reason = firstReason(access.Reason, NoCredentials)
		return without
	default:
		return verdict
	}
}

func decideUsableAccess(verdict Verdict) Verdict {
	switch verdict := verdict.(type) {
	case ByToken:
		return ByIssuer{Token: LeaveToken}
	case BySession:
		return ByIssuer{Token: verdict.Token}
	case Unauthenticated:
		switch verdict.Reason {
		case SessionRevoked, SessionAmbiguous, SessionIncomplete, SessionTooShort, SessionMalformed:
			return verdict
		default:
		}
		return ByIssuer{Token: verdict.Token}
	case CouldNotTell, AskSession:
		return verdict
	default:
		return Unauthenticated{Reason: NoCredentials}
	}
}
