package ledger

import (
	"context"
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Flush ends all that is known in a realm: every session has ended, every token that was minted so far is dead, and the
// answers to questions in flight are void. When Flush returns nil, this is durable and in force. After an error, nothing is
// acknowledged. Nobody is refused afterwards: the application is asked about the sessions anew, and they begin after the
// flush.
//
// Flush does not delete the records. They have no effect any more, and go when they expire or are overwritten.
func (l *Ledger) Flush(ctx context.Context, realm string) error {
	return l.flush(ctx, blacklist.FlushedRealm(realm), scope{realm: realm})
}

// FlushAll is like [Ledger.Flush], for every realm.
func (l *Ledger) FlushAll(ctx context.Context) error {
	return l.flush(ctx, blacklist.FlushedAll(), scope{everywhere: true})
}

// flush locks all stripes, in ascending order, so that no question is asked before the flush and answered after it.
func (l *Ledger) flush(ctx context.Context, subject blacklist.Subject, dropped scope) error {
	for i := range l.stripes {
		l.stripes[i].mu.Lock()
		defer l.stripes[i].mu.Unlock()
	}
	now := l.now()
	second := l.latestOf(dropped, now)
	entries := []blacklist.Entry{{Subject: subject, Second: second, Expires: l.expiryOf(second, now)}}
	for _, end := range l.endsFrom(dropped, second) {
		entries = append(entries, l.next(end, now))
	}
	if err := l.blacklist.Revoke(ctx, entries...); err != nil {
		return fmt.Errorf("dropping all sessions: %w", err)
	}
	for i := range l.stripes {
		l.stripes[i].overtakeAll(dropped)
	}
	l.signedOut.Clear()
	return nil
}

// overtakeAll makes the answers to the questions in flight in the scope void.
func (s *stripe) overtakeAll(dropped scope) {
	for key := range s.questions {
		if dropped.everywhere || key.Realm == dropped.realm {
			delete(s.questions, key)
		}
	}
}
