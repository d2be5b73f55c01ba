package ledger

import (
	"context"
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// Flush drops all that is known in a realm: every session counts as ended, every token minted so far is dead and questions
// in flight are overtaken, from when nil is returned, which is when this is durable. After an error nothing is
// acknowledged. Nobody is refused afterwards: sessions are asked about anew, and begin after the flush.
//
// Records are not deleted but count for nothing any more, and go when they expire or are written over.
func (l *Ledger) Flush(ctx context.Context, realm string) error {
	return l.flush(ctx, blacklist.FlushedRealm(realm), scope{realm: realm})
}

// FlushAll drops all that is known in every realm, and is otherwise as [Ledger.Flush].
func (l *Ledger) FlushAll(ctx context.Context) error {
	return l.flush(ctx, blacklist.FlushedAll(), scope{everywhere: true})
}

// flush holds the locks of all sessions, taken in one order, so that nothing begins before it and is answered after it.
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
	l.signedOut.until.Purge()
	return nil
}

// overtakeAll makes void whatever is answered to the questions in flight in the scope.
func (s *stripe) overtakeAll(dropped scope) {
	for key := range s.questions {
		if dropped.everywhere || key.Realm == dropped.realm {
			delete(s.questions, key)
		}
	}
}
