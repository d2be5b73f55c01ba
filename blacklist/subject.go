package blacklist

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
)

// ErrSubject is returned by [ParseSubject] for bytes that [Subject.Bytes] does not write.
var ErrSubject = errors.New("parsing blacklist subject: not a subject's bytes")

// Subject is what an entry is about. Subjects are comparable. The zero value names nothing and is always hit.
type Subject struct {
	kind   Kind
	realm  string
	user   string
	digest [sha256.Size]byte
}

// TokenID returns the subject that is one token, by its jti (RFC 7519 section 4.1.7).
func TokenID(jti string) Subject {
	return Subject{kind: KindToken, digest: sha256.Sum256([]byte(jti))}
}

// EndOf returns the subject that is the end of a session, which is named by the SHA-256 of its id. Tokens of the session
// whose auth_time is at or before the entry's second are dead.
func EndOf(realm string, session [sha256.Size]byte) Subject {
	return Subject{kind: KindEnd, realm: realm, digest: session}
}

// RevokedSession returns the subject that is a revoked session, which is named by the SHA-256 of its id. All its tokens are
// revoked with it, whenever they are minted. The entry's second is the time of the revocation.
func RevokedSession(realm string, session [sha256.Size]byte) Subject {
	return Subject{kind: KindSession, realm: realm, digest: session}
}

// RevokedUser returns the subject that is a revoked user of a realm. His sessions and tokens whose auth_time is at or before
// the entry's second are revoked.
func RevokedUser(realm, user string) Subject {
	return Subject{kind: KindUser, realm: realm, user: user, digest: sha256.Sum256([]byte(user))}
}

// RevokedUserEverywhere returns the subject that is the revoked user of this id in every realm. Otherwise it is like
// [RevokedUser].
func RevokedUserEverywhere(user string) Subject {
	return Subject{kind: KindUserEverywhere, user: user, digest: sha256.Sum256([]byte(user))}
}

// Everywhere returns the [RevokedUserEverywhere] of a [RevokedUser]. It does not compute the digest again.
func (s Subject) Everywhere() Subject {
	return Subject{kind: KindUserEverywhere, user: s.user, digest: s.digest}
}

// Watched returns the [WatchedUser] of a [RevokedUser]. It does not compute the digest again.
func (s Subject) Watched() Subject {
	s.kind = KindWatched
	return s
}

// FlushedRealm returns the subject that is all of a realm. Its sessions and tokens whose auth_time is at or before the
// entry's second are over.
func FlushedRealm(realm string) Subject { return Subject{kind: KindRealm, realm: realm} }

// FlushedAll returns the subject that is all realms. Otherwise it is like [FlushedRealm].
func FlushedAll() Subject { return Subject{kind: KindAll} }

// WatchedUser returns the subject that is a user with a revoked session. Another session that the application names for him
// is accepted only if it is an [AdmittedSession] or was seen at its beginning. The subject hits nothing by itself.
func WatchedUser(realm, user string) Subject { return RevokedUser(realm, user).Watched() }

// AdmittedSession returns the subject that is a session of a watched or revoked user that is accepted all the same, as his.
// While he is revoked, it is accepted if the entry's second is after that of the revocation. The subject hits nothing.
func AdmittedSession(realm string, session [sha256.Size]byte, user string) Subject {
	return Subject{kind: KindAdmitted, realm: realm, user: user, digest: session}
}

// OwnerOf returns the subject that names the user of a revoked session. The user is watched as long as there is such an
// entry, and no longer. The subject hits nothing.
func OwnerOf(realm string, session [sha256.Size]byte, user string) Subject {
	return Subject{kind: KindOwner, realm: realm, user: user, digest: session}
}

// Lifted returns the subject that stands for the entries that were lifted. The entry's second is the latest of theirs;
// sessions may have begun after it. The subject hits nothing.
func Lifted() Subject { return Subject{kind: KindLifted} }

// LineageOf returns the subject that is the end of a session whose id the application changes with every answer. Tokens of
// this user with exactly this auth_time are dead, whatever id they are bound to. The auth_time is in seconds since 1970, and
// it is the entry's second. LineageOf does not allocate.
func LineageOf(realm, user string, authTime int64) Subject {
	var named [512]byte
	data := binary.BigEndian.AppendUint64(named[:0], uint64(authTime))
	return Subject{kind: KindLineage, realm: realm, user: user, digest: sha256.Sum256(append(data, user...))}
}

// RevokedAttribute returns the subject that is every user of a realm who has an attribute with this text, in the sessions that
// the application names him in later. The sessions that are known already are revoked by their user. A session whose
// auth_time is after the entry's second is not hit. The subject does not tell the text.
func RevokedAttribute(realm, name, text string) Subject {
	named := binary.BigEndian.AppendUint64(nil, uint64(len(name)))
	return Subject{kind: KindAttribute, realm: realm, digest: sha256.Sum256(append(append(named, name...), text...))}
}

// RecentlySet returns the subject that is a session whose id the application has set lately. The entry's second is no time: it
// is the place in the order of a [SharedJournal] up to which the gateway knew every write when the request came that the
// application answered so. The subject hits nothing.
func RecentlySet(realm string, session [sha256.Size]byte) Subject {
	return Subject{kind: KindSet, realm: realm, digest: session}
}

// Kind returns the kind of the subject.
func (s Subject) Kind() Kind { return s.kind }

// Realm returns the realm. It is empty if the subject has none.
func (s Subject) Realm() string { return s.realm }

// User returns the user id. It is empty if the subject has none.
func (s Subject) User() string { return s.user }

// Digest returns the SHA-256 of the session id, the token id or the user id that names the subject. For [LineageOf] it is
// that of the user and the auth_time, and for [RevokedAttribute] that of the name and the text. It is zero for [FlushedRealm], [FlushedAll] and [Lifted].
func (s Subject) Digest() [sha256.Size]byte { return s.digest }

// Bytes returns the form that journals use as a key and that [ParseSubject] reads. It begins with the kind and the digest.
// No two subjects have the same form.
func (s Subject) Bytes() []byte {
	data := make([]byte, 0, 1+len(s.digest)+binary.MaxVarintLen64+len(s.realm)+len(s.user))
	data = append(data, byte(s.kind))
	data = append(data, s.digest[:]...)
	if s.kind.form() == ofBoth {
		data = binary.AppendUvarint(data, uint64(len(s.realm)))
	}
	data = append(data, s.realm...)
	return append(data, s.user...)
}

// ParseSubject parses the form that [Subject.Bytes] returns. It returns [ErrSubject] for anything else.
func ParseSubject(data []byte) (Subject, error) {
	var subject Subject
	if len(data) < 1+len(subject.digest) {
		return Subject{}, ErrSubject
	}
	subject.kind = Kind(data[0])
	copy(subject.digest[:], data[1:])
	rest := string(data[1+len(subject.digest):])
	switch subject.kind.form() {
	case ofRealm:
		subject.realm = rest
	case ofUser:
		subject.user = rest
	case ofBoth:
		length, size := binary.Uvarint([]byte(rest))
		if size <= 0 || length > uint64(len(rest)-size) {
			return Subject{}, ErrSubject
		}
		subject.realm, subject.user = rest[size:size+int(length)], rest[size+int(length):]
	default: // nothing more belongs to it
	}
	if !subject.isSound() || !bytes.Equal(subject.Bytes(), data) { // the length may have been written in more bytes
		return Subject{}, ErrSubject
	}
	return subject, nil
}

// isSound reports whether the kind exists and the digest is the right one, as far as that can be told.
func (s Subject) isSound() bool {
	switch s.kind {
	case KindUser, KindWatched, KindUserEverywhere:
		return s.digest == sha256.Sum256([]byte(s.user))
	case KindRealm, KindAll, KindLifted:
		return s.digest == [sha256.Size]byte{}
	default:
		return s.kind.form() != noForm
	}
}

// compare compares subjects by kind, digest, realm and user. For two kinds or digests this is the order of their bytes.
func (s Subject) compare(other Subject) int {
	if s.kind != other.kind {
		return int(s.kind) - int(other.kind)
	}
	if order := bytes.Compare(s.digest[:], other.digest[:]); order != 0 {
		return order
	}
	if order := strings.Compare(s.realm, other.realm); order != 0 {
		return order
	}
	return strings.Compare(s.user, other.user)
}
