package ledger

import (
	"iter"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// DefaultRevocationLife is how long revocations are kept unless [Ledger.KeepRevocations] is called.
const DefaultRevocationLife = 30 * 24 * time.Hour

// margin is how much longer than the longest token life an end is kept. It allows for clocks that differ and for a token that
// was being minted when its session ended.
const margin = time.Minute

// retention holds how long entries are kept, in nanoseconds.
type retention struct {
	longest        atomic.Int64 // the longest token life
	longestIdle    atomic.Int64 // the longest idle time of a record
	revocationLife atomic.Int64
}

// raise sets the value unless it is that high already.
func raise(value *atomic.Int64, least int64) {
	for {
		current := value.Load()
		if least <= current || value.CompareAndSwap(current, least) {
			return
		}
	}
}

// expiryOfEnd returns the time from which on no token can be alive that an end at the second hits.
func (r *retention) expiryOfEnd(second int64) time.Time {
	return time.Unix(second, 0).Add(time.Duration(r.longest.Load()) + margin)
}

// lifeOfRevocations returns how long revocations are kept. The life covers the tokens that are out, and the records: a
// session that is refused is not touched any more, so its record expires after the idle time.
func (r *retention) lifeOfRevocations() time.Duration {
	return time.Duration(max(r.revocationLife.Load(), r.longest.Load()+int64(margin), r.longestIdle.Load()+int64(margin)))
}

// expiryOf returns the earliest expiry of an entry for the second that is made now.
func (r *retention) expiryOf(second int64, now time.Time) time.Time {
	expires, ofTokens := now.Add(r.lifeOfRevocations()), r.expiryOfEnd(second)
	if ofTokens.After(expires) {
		return ofTokens
	}
	return expires
}

// enforce puts an end in force for the longest token life, and at least until the given time.
func (e *entries) enforce(key sessions.Key, second int64, atLeast time.Time) {
	expires := e.expiryOfEnd(second)
	if atLeast.After(expires) {
		expires = atLeast
	}
	e.Enforce(blacklist.Entry{Subject: endOf(key), Second: second, Expires: expires})
}

// prolongStep returns by how much an entry must be prolonged so that it is worth a write. So a revocation that refuses
// somebody all the time is written once a day.
func prolongStep(life time.Duration) time.Duration { return min(24*time.Hour, life/4) }

// prolong keeps the entries that have refused or admitted somebody for longer, and at least until the given time. It reports
// whether any entry changed. The change becomes durable with the next retry.
func (e *entries) prolong(atLeast time.Time, subjects ...blacklist.Subject) (prolonged bool) {
	life := e.lifeOfRevocations()
	until := e.now().Add(life)
	if until.Before(atLeast) {
		until = atLeast
	}
	for _, subject := range subjects {
		entry, inForce := e.Entry(subject)
		if inForce && (entry.Expires.Before(atLeast) || until.Sub(entry.Expires) >= prolongStep(life)) {
			e.Extend(subject, until)
			prolonged = true
		}
	}
	return prolonged
}

// prolongSession prolongs the revocation of a session that was refused, and with it the watch of its user.
func (e *entries) prolongSession(key sessions.Key) {
	if !e.prolong(time.Time{}, revokedSession(key)) {
		return
	}
	if owner, known := e.ownerOf(key); known {
		e.prolong(time.Time{}, owner)
		e.prolongWatch(blacklist.WatchedUser(key.Realm, owner.User()))
	}
}

// prolongWatch prolongs the watch of a user who was refused, and with it the revocations that he is watched for. So neither
// lasts without the other.
func (e *entries) prolongWatch(watched blacklist.Subject) {
	if !e.prolong(time.Time{}, watched) {
		return
	}
	for owner := range e.ownedBy(watched.Realm(), watched.User()) {
		e.prolong(time.Time{}, owner, blacklist.RevokedSession(owner.Realm(), owner.Digest()))
	}
}

// ownerOf returns the owner subject of a revoked session, and false if its user is not known.
func (e *entries) ownerOf(key sessions.Key) (blacklist.Subject, bool) {
	for entry := range e.Entries(blacklist.KindOwner) {
		if owner := entry.Subject; owner.Realm() == key.Realm && owner.Digest() == key.Hash {
			return owner, true
		}
	}
	return blacklist.Subject{}, false
}

// ownedBy returns the owner subjects of the user's revoked sessions.
func (e *entries) ownedBy(realm, user string) iter.Seq[blacklist.Subject] {
	return func(yield func(blacklist.Subject) bool) {
		for entry := range e.Entries(blacklist.KindOwner) {
			owner := entry.Subject
			if owner.Realm() == realm && owner.User() == user && !yield(owner) {
				return
			}
		}
	}
}
