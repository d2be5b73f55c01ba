package redisstore

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// keys names what an installation keeps on the server. All names begin with one prefix in braces. So they have one hash slot,
// and in a cluster every script finds all of them on one node. Two installations that share a server have different prefixes.
type keys struct{ prefix string }

// defaultPrefix is the prefix of an installation that names none.
const defaultPrefix = "jwt_session"

// newKeys returns the names of an installation.
func newKeys(prefix string) keys { return keys{prefix: "{" + prefix + "}:"} }

// epoch names the string that says which store this is. It is written once, with a random value, and is gone when somebody
// empties the server.
func (k keys) epoch() string { return k.prefix + "epoch" }

// session names the record of a session.
func (k keys) session(key sessions.Key) string {
	return k.prefix + "s:" + key.Realm + ":" + nameOf(key.Hash)
}

// leading names the set that leads to the sessions that a query asks for: those of a provider's session or of a user. It is ""
// if the query asks for a whole realm. Scripts make the same names, from a record.
func (k keys) leading(query sessions.Query) string {
	switch {
	case query.Provider.Present():
		return k.prefix + "p:" + digest(query.Realm, string(query.Provider[:]))
	case query.User != "":
		return k.prefix + "u:" + digest(query.Realm, query.User)
	default:
		return ""
	}
}

// digest hides what a set is about. Where somebody makes two of them equal, the set leads to the sessions of both, and the
// records tell them apart.
func digest(realm, text string) string {
	sum := sha1.Sum([]byte(strconv.Itoa(len(realm)) + ":" + realm + text))
	return hex.EncodeToString(sum[:])
}

// directory names the set of the buckets that a realm's sessions are in.
func (k keys) directory(realm string) string { return k.prefix + "d:" + realm }

// bucket names the set of the sessions of a realm whose hashes have one beginning.
func (k keys) bucket(realm, bucket string) string { return k.prefix + "b:" + realm + ":" + bucket }

// bucketNumber returns the beginning of a hash by which a realm's sessions are divided: 12 bits.
func bucketNumber(hash sessions.Hash) int { return int(hash[0])<<4 | int(hash[1])>>4 }

// bucketOf returns the name of a hash's bucket in its realm.
func bucketOf(hash sessions.Hash) string { return fmt.Sprintf("%03x", bucketNumber(hash)) }

// nameOf returns the name of a session in its realm, and hashOf reads it.
func nameOf(hash sessions.Hash) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

func hashOf(name string) (sessions.Hash, error) {
	var hash sessions.Hash
	if read, err := base64.RawURLEncoding.Strict().AppendDecode(nil, []byte(name)); err == nil && len(read) == len(hash) {
		return sessions.Hash(read), nil
	}
	return hash, errAnswer
}

// log names the stream of all writes to the journal.
func (k keys) log() string { return k.prefix + "log" }

// live names the hash of the journal's entries, by the bytes of their subjects.
func (k keys) live() string { return k.prefix + "live" }

// lifted names the hash of the subjects that were taken back, each with the place of that.
func (k keys) lifted() string { return k.prefix + "lifted" }

// expiries names the sorted set of the journal's subjects by when their entries expire.
func (k keys) expiries() string { return k.prefix + "expiries" }

// facts names the hash of what concerns all sessions: the place of the last write that is about more than one session, and
// the newest auth_time of all sessions.
func (k keys) facts() string { return k.prefix + "facts" }

// gateways names the hash of the gateways that use the store.
func (k keys) gateways() string { return k.prefix + "gateways" }

// note names a note.
func (k keys) note(name string) string { return k.prefix + "n:" + name }

// file names a file.
func (k keys) file(name string) string { return k.prefix + "f:" + name }

// lock names the lock of a file.
func (k keys) lock(name string) string { return k.prefix + "k:" + name }

// journal returns the names that the scripts of the journal take, in their order.
func (k keys) journal() []string {
	return []string{k.epoch(), k.facts(), k.live(), k.lifted(), k.expiries(), k.log()}
}
