package blacklist

// Kind is the meaning of an entry for a subject. The zero value is no kind.
type Kind uint8

// The kinds of subjects. They are written to journals, so a value never changes its meaning.
const (
	// KindToken means that one token is revoked. See [TokenID].
	KindToken Kind = iota + 1
	// KindEnd means that a session has ended. See [EndOf].
	KindEnd
	// KindSession means that a session is revoked. See [RevokedSession].
	KindSession
	// KindUser means that a user is revoked in a realm. See [RevokedUser].
	KindUser
	// KindUserEverywhere means that a user is revoked in all realms. See [RevokedUserEverywhere].
	KindUserEverywhere
	// KindRealm means that a realm was flushed. See [FlushedRealm].
	KindRealm
	// KindAll means that all realms were flushed. See [FlushedAll].
	KindAll
	// KindWatched means that new sessions of a user are accepted under conditions only. See [WatchedUser].
	KindWatched
	// KindAdmitted means that a session meets these conditions. See [AdmittedSession].
	KindAdmitted
	// KindOwner names the user of a revoked session. See [OwnerOf].
	KindOwner
	// KindLifted holds the latest second of the entries that were lifted. See [Lifted].
	KindLifted
	// KindLineage means that a session has ended under every id that it ever had. See [LineageOf].
	KindLineage
	// KindAttribute means that the users of a realm who have an attribute of one value are revoked. See [RevokedAttribute].
	KindAttribute
	// KindSet means that the application has set the id of a session lately. See [RecentlySet].
	KindSet

	kinds = iota + 1
)

// Revocations returns the kinds that an operator asks for and can list. Ends and what revocations bring along are not among
// them. The order is ascending.
func Revocations() []Kind {
	return []Kind{KindToken, KindSession, KindUser, KindUserEverywhere, KindRealm, KindAll}
}

// isFew reports whether there are few entries of the kind, for which every request asks.
func (k Kind) isFew() bool { return k == KindRealm || k == KindAll }

// isTimed reports whether the second of an entry of the kind is a time before which sessions have begun.
func (k Kind) isTimed() bool {
	switch k {
	case KindEnd, KindUser, KindUserEverywhere, KindRealm, KindAll, KindAdmitted, KindLifted, KindLineage, KindAttribute:
		return true
	default:
		return false
	}
}

// String returns the name of the kind: one word in lower case.
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
	case KindAttribute:
		return "attribute"
	case KindSet:
		return "set"
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

// hasRealm reports whether a subject of the form has a realm.
func (f form) hasRealm() bool { return f == ofRealm || f == ofBoth }

// hasUser reports whether a subject of the form has a user id.
func (f form) hasUser() bool { return f == ofUser || f == ofBoth }

func (k Kind) form() form {
	switch k {
	case KindToken, KindAll, KindLifted:
		return bare
	case KindEnd, KindSession, KindRealm, KindAttribute, KindSet:
		return ofRealm
	case KindUserEverywhere:
		return ofUser
	case KindUser, KindWatched, KindAdmitted, KindOwner, KindLineage:
		return ofBoth
	default:
		return noForm
	}
}
