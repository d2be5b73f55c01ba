package badgerstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// The first byte of a key says what the value is. None of these ever changes its meaning.
const (
	recordKind = 's' // realm with its length, session hash: a session
	userKind   = 'u' // realm with its length, SHA-256 of the user id, session hash: nothing; finds the sessions of a user
	signInKind = 'p' // realm with its length, provider's session, session hash: nothing; finds what was opened with that session
	entryKind  = 'b' // bytes of a blacklist subject: its entry
	metaKind   = 'm' // a name: what the store knows of itself
)

const (
	hashSize = len(sessions.Hash{})
	// maxRealm keeps keys far below Badger's limit of 65,000 bytes.
	maxRealm = 4096
)

var (
	idKey           = []byte{metaKind, 'i', 'd'}
	clockKey        = []byte{metaKind, 'c', 'l', 'o', 'c', 'k'}
	journalCountKey = []byte{metaKind, 't', 'a', 'l', 'l', 'y'}
)

var errRealm = errors.New("the name of the realm is longer than 4096 bytes")

func checkRealm(realm string) error {
	if len(realm) > maxRealm {
		return errRealm
	}
	return nil
}

// checkSubject refuses a subject of such a realm.
func checkSubject(subject blacklist.Subject) error {
	// A subject is its realm's name and little more.
	if len(subject.Bytes()) > maxRealm+64 {
		return errRealm
	}
	return nil
}

// realmPrefix returns the start of all keys of a kind and realm. The length before the name keeps realms apart whose names
// begin alike. There is room for the rest of a key behind it.
func realmPrefix(kind byte, realm string) []byte {
	prefix := make([]byte, 0, 3+len(realm)+2*hashSize)
	prefix = append(prefix, kind)
	prefix = binary.BigEndian.AppendUint16(prefix, uint16(len(realm)))
	return append(prefix, realm...)
}

func recordKey(key sessions.Key) []byte {
	return append(realmPrefix(recordKind, key.Realm), key.Hash[:]...)
}

// userPrefix hashes the user id, which makes all keys of a realm equally long.
func userPrefix(realm, user string) []byte {
	digest := sha256.Sum256([]byte(user))
	return append(realmPrefix(userKind, realm), digest[:]...)
}

func userKey(key sessions.Key, user string) []byte {
	return append(userPrefix(key.Realm, user), key.Hash[:]...)
}

func signInPrefix(realm string, session sessions.ProviderSession) []byte {
	return append(realmPrefix(signInKind, realm), session[:]...)
}

func signInKey(key sessions.Key, session sessions.ProviderSession) []byte {
	return append(signInPrefix(key.Realm, session), key.Hash[:]...)
}

// leadingKeys returns the keys that lead to a session: from its user, and from the provider's session if there is one.
func leadingKeys(session sessions.Session) [][]byte {
	keys := [][]byte{userKey(session.Key, session.User)}
	if session.Provider.Present() {
		keys = append(keys, signInKey(session.Key, session.Provider))
	}
	return keys
}

// hashAtEnd returns the hash that a key of a record, or one that leads to a record, ends with.
func hashAtEnd(key []byte) sessions.Hash { return sessions.Hash(key[len(key)-hashSize:]) }

func entryKey(subject blacklist.Subject) []byte { return append([]byte{entryKind}, subject.Bytes()...) }
