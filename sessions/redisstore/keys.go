package redisstore

import (
	"encoding/base64"

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
	return k.prefix + "s:" + key.Realm + ":" + base64.RawURLEncoding.EncodeToString(key.Hash[:])
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
