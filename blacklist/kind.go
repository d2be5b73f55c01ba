package blacklist

// Kind says what an entry for a subject means. The zero value is no kind.
type Kind uint8

// The kinds. They are written to journals: a value never changes its meaning.
const (
	// KindToken: one token is revoked, see [TokenID].
	KindToken Kind = iota + 1
	// KindEnd: a session has ended, see [EndOf].
	KindEnd
	// KindSession: a session is revoked, see [RevokedSession].
	KindSession
	// KindUser: a user is revoked in a realm, see [RevokedUser].
	KindUser
	// KindUserEverywhere: a user is revoked in all realms, see [RevokedUserEverywhere].
	KindUserEverywhere
	// KindRealm: all that was known in a realm is dropped, see [FlushedRealm].
	KindRealm
	// KindAll: all that was known is dropped, see [FlushedAll].
	KindAll
	// KindWatched: sessions of a user count only under conditions, see [WatchedUser].
	KindWatched
	// KindAdmitted: a session meets these conditions, see [AdmittedSession].
	KindAdmitted
	// KindOwner: whose session a revoked one is, see [OwnerOf].
	KindOwner
	// KindLifted: what was lifted is still of weight, see [Lifted].
	KindLifted
	// KindLineage: a session has ended under every id that it ever had, see [LineageOf].
	KindLineage

	kinds = iota + 1
)

// Revocations returns the kinds that an operator asked for and can list: neither ends nor what revocations bring along.
func Revocations() []Kind {
	return []Kind{KindToken, KindSession, KindUser, KindUserEverywhere, KindRealm, KindAll}
}

// String returns the kind in a word.
func (k Kind) String() string {
	switch k {
	case KindToken:
		return "token"
	case KindEnd:
		return "end"
	case KindSession:
		return "session"
	case KindUser:
		return "user"
	case KindUserEverywhere:
		return "user_everywhere"
	case KindRealm:
		return "realm"
	case KindAll:
		return "all"
	case KindWatched:
		return "watched"
	case KindAdmitted:
		return "admitted"
	case KindOwner:
		return "owner"
	case KindLifted:
		return "lifted"
	case KindLineage:
		return "lineage"
	default:
		return "unknown"
	}
}

// form is which parts the bytes of a subject have behind its kind and digest.
type form uint8

const (
	noForm  form = iota
	bare         // nothing
	ofRealm      // the realm
	ofUser       // the user
	ofBoth       // the realm with its length, then the user
)

func (k Kind) form() form {
	switch k {
	case KindToken, KindAll, KindLifted:
		return bare
	case KindEnd, KindSession, KindRealm:
		return ofRealm
	case KindUserEverywhere:
		return ofUser
	case KindUser, KindWatched, KindAdmitted, KindOwner, KindLineage:
		return ofBoth
	default:
		return noForm
	}
}
