package validator

// AccessState is what an access token of an identity provider is worth on a route. The zero value is worth nothing.
type AccessState uint8

const (
	// AccessUnusable means that the token authenticates nobody. [Access.Reason] tells why.
	AccessUnusable AccessState = iota
	// AccessAbsent means that no token came.
	AccessAbsent
	// AccessUsable means that the token names the user.
	AccessUsable
	// AccessUndetermined means neither yes nor no: the provider did not tell which keys it has.
	AccessUndetermined
)

// Access is what is known of the access tokens of a request, without its session and our own token. The zero value
// authenticates nobody.
type Access struct {
	// State is what the tokens are worth.
	State AccessState
	// Reason is why a token is not usable.
	Reason Reason
	// User is the user of a usable token.
	User string
}

// ByIssuer is the verdict that an access token names the user, and that no session contradicts it.
type ByIssuer struct {
	// Token is what becomes of our own token, by the session that came beside it.
	Token TokenCookie
}

func (ByIssuer) verdict() {}

// Join returns what two access tokens of one request are worth together. Two usable tokens of different users are a
// conflict. A token that is not usable is ignored beside a usable one, as it is beside a session.
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

// rank returns which of two tokens counts: a conflict first, then a usable token, an undetermined one, an unusable one and
// an absent one.
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

// DecideAccess returns the verdict on a request with access tokens. verdict is the one without them. users are the users
// whom our own token names, if it is verified, and the session, if it is active.
//
// An access token beside another user's session authenticates nobody: the application would see one user in the cookie and
// the other in the header. For the same reason, a session that is unusable without telling its user denies. An access token
// that is not usable is treated as absent, like one of our own.
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
