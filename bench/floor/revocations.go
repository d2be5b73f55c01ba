package floor

import (
	"crypto/sha256"
	"sync"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
)

// revocations are those in force, of five kinds. A lock keeps questions apart from writers, of which there would be some.
type revocations struct {
	lock       *sync.RWMutex
	tokens     map[string]struct{}
	ended      map[[sha256.Size]byte]int64 // the last second that is hit
	sessions   map[[sha256.Size]byte]struct{}
	users      map[string]int64
	everywhere map[string]int64
	flushed    map[string]int64 // by realm
}

func newRevocations(count int) revocations {
	r := revocations{
		lock: new(sync.RWMutex), tokens: map[string]struct{}{}, ended: map[[sha256.Size]byte]int64{},
		sessions: map[[sha256.Size]byte]struct{}{}, users: map[string]int64{}, everywhere: map[string]int64{},
		flushed: map[string]int64{},
	}
	for i := range count {
		switch name := seed.Revoked(i); seed.KindOf(i) {
		case seed.Token:
			r.tokens[name] = struct{}{}
		case seed.Ended:
			r.ended[sha256.Sum256([]byte(name))] = 1
		case seed.Session:
			r.sessions[sha256.Sum256([]byte(name))] = struct{}{}
		case seed.User:
			r.users[name] = 1
		default:
			r.everywhere[name] = 1
		}
	}
	return r
}

// hit reports whether a token or, without a token's id, a session is revoked.
func (r *revocations) hit(c *claims) bool {
	r.lock.RLock()
	defer r.lock.RUnlock()
	if _, revoked := r.tokens[c.ID]; revoked {
		return true
	}
	if _, revoked := r.sessions[c.session]; revoked {
		return true
	}
	return c.AuthTime <= r.ended[c.session] || c.AuthTime <= r.users[c.User] || c.AuthTime <= r.everywhere[c.User] ||
		c.AuthTime <= r.flushed[c.Realm]
}
