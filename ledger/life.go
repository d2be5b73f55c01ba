package ledger

import (
	"iter"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// DefaultRevocationLife is how long revocations are kept unless [Ledger.KeepRevocations] is called.
const DefaultRevocationLife = 30 * 24 * time.Hour

// KeepRevocations sets how long a revocation is kept, counted from when it was made or last refused somebody. The last call
// counts, also for revocations that are there already. However short the life is, a revocation outlives every token and, as
// far as the ledger has seen, every record that it is about.
func (l *Ledger) KeepRevocations(life time.Duration) { l.revocationLife.Store(int64(life)) }

// lifeOfRevocations returns how long revocations are kept. The life covers the tokens that are out, and the records: a
// session that is refused is not touched any more, so its record expires after the idle time.
func (l *Ledger) lifeOfRevocations() time.Duration {
	return time.Duration(max(l.revocationLife.Load(), l.longest.Load()+int64(margin), l.longestIdle.Load()+int64(margin)))
}

// expiryOf returns the earliest expiry of an entry for the second that is made now.
func (l *Ledger) expiryOf(second int64, now time.Time) time.Time {
	expires, ofTokens := now.Add(l.lifeOfRevocations()), l.expiryOfEnd(second)
	if ofTokens.After(expires) {
		return ofTokens
	}
	return expires
}

// prolongStep returns by how much an entry must be prolonged so that it is worth a write. So a revocation that refuses
// somebody all the time is written once a day.
func prolongStep(life time.Duration) time.Duration { return min(24*time.Hour, life/4) }

// prolong keeps the entries that have refused or admitted somebody for longer, and at least until the given time. It reports
// whether any entry changed. The change becomes durable with the next retry.
func (l *Ledger) prolong(atLeast time.Time, subjects ...blacklist.Subject) (prolonged bool) {
	life := l.lifeOfRevocations()
	until := l.now().Add(life)
	if until.Before(atLeast) {
		until = atLeast
	}
	for _, subject := range subjects {
		entry, inForce := l.blacklist.Entry(subject)
		if inForce && (entry.Expires.Before(atLeast) || until.Sub(entry.Expires) >= prolongStep(life)) {
			l.blacklist.Extend(subject, until)
			prolonged = true
		}
	}
	return prolonged
}

// prolongSession prolongs the revocation of a session that was refused, and with it the watch of its user.
func (l *Ledger) prolongSession(key sessions.Key) {
	if !l.prolong(time.Time{}, revokedSession(key)) {
		return
	}
	if owner, known := l.ownerOf(key); known {
		l.prolong(time.Time{}, owner)
		l.prolongWatch(blacklist.WatchedUser(key.Realm, owner.User()))
	}
}

// prolongWatch prolongs the watch of a user who was refused, and with it the revocations that he is watched for. So neither
// lasts without the other.
func (l *Ledger) prolongWatch(watched blacklist.Subject) {
	if !l.prolong(time.Time{}, watched) {
		return
	}
	for owner := range l.ownedBy(watched.Realm(), watched.User()) {
		l.prolong(time.Time{}, owner, blacklist.RevokedSession(owner.Realm(), owner.Digest()))
	}
}

// ownerOf returns the owner subject of a revoked session, and false if its user is not known.
func (l *Ledger) ownerOf(key sessions.Key) (blacklist.Subject, bool) {
	for entry := range l.blacklist.Entries(blacklist.KindOwner) {
		if owner := entry.Subject; owner.Realm() == key.Realm && owner.Digest() == key.Hash {
			return owner, true
		}
	}
	return blacklist.Subject{}, false
}

// ownedBy returns the owner subjects of the user's revoked sessions.
func (l *Ledger) ownedBy(realm, user string) iter.Seq[blacklist.Subject] {
	return func(yield func(blacklist.Subject) bool) {
		for entry := range l.blacklist.Entries(blacklist.KindOwner) {
			owner := entry.Subject
			if owner.Realm() == realm && owner.User() == user && !yield(owner) {
				return
			}
		}
	}
}
