package ledger

import (
	"iter"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// DefaultRevocationLife is how long revocations are kept where nothing else was said.
const DefaultRevocationLife = 30 * 24 * time.Hour

// KeepRevocations says for how long a revocation is kept, counted from when it was made or last refused somebody. The
// last word counts, for revocations that are there already as well. However short it is, a revocation outlives
// every token and, as far as the ledger has seen, every record that it is about.
func (l *Ledger) KeepRevocations(life time.Duration) { l.revocationLife.Store(int64(life)) }

// lifeOfRevocations covers, beside what was said, the tokens that are out, and the records: one that is refused is not
// touched any more, so it expires after its idle time.
func (l *Ledger) lifeOfRevocations() time.Duration {
	return time.Duration(max(l.revocationLife.Load(), l.longest.Load()+int64(margin), l.longestIdle.Load()+int64(margin)))
}

// expiryOf is when an entry of this second that is made now is to expire, if not later.
func (l *Ledger) expiryOf(second int64, now time.Time) time.Time {
	expires, ofTokens := now.Add(l.lifeOfRevocations()), l.expiryOfEnd(second)
	if ofTokens.After(expires) {
		return ofTokens
	}
	return expires
}

// prolongStep is how much later an entry would have to expire so that it is worth writing: it makes a revocation that
// refuses somebody all the time be written once a day.
func prolongStep(life time.Duration) time.Duration { return min(24*time.Hour, life/4) }

// prolong keeps entries that have refused somebody, or admitted him, for longer: at least until the given time. It says
// whether that changed any. It becomes durable with the next retry.
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

// prolongSession keeps the revocation of a session that was refused, and with it that its user is watched.
func (l *Ledger) prolongSession(key sessions.Key) {
	if !l.prolong(time.Time{}, revokedSession(key)) {
		return
	}
	if owner, known := l.ownerOf(key); known {
		l.prolong(time.Time{}, owner)
		l.prolongWatch(blacklist.WatchedUser(key.Realm, owner.User()))
	}
}

// prolongWatch keeps a user watched who was refused, and with it all that he is watched for, so that the one does not
// last without the other.
func (l *Ledger) prolongWatch(watched blacklist.Subject) {
	if !l.prolong(time.Time{}, watched) {
		return
	}
	for owner := range l.ownedBy(watched.Realm(), watched.User()) {
		l.prolong(time.Time{}, owner, blacklist.RevokedSession(owner.Realm(), owner.Digest()))
	}
}

// ownerOf says whose session a revoked one is.
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
