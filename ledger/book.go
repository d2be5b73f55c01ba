package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// stepTime bounds a step that is finished although its request is over.
const stepTime = 5 * time.Second

// detached returns a context for a step that is finished although the visitor has left.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), stepTime)
}

// book holds all that changes with a session, and the locks under which it changes: the records, what is in force against
// sessions and users, and what memory keeps of them for a while. Its own methods take no lock, except [book.bound]. A change
// of one session is a [change], and that of a session's id is a [following].
type book struct {
	store      sessions.Store
	blacklist  entries
	now        func() time.Time
	report     func(error)
	maxRecords int // of a user in a realm
	company    company
	order      order

	stripes stripes
	users   users

	memories
}

// finding is the record of a key with what is in force against it. Its Key is always set.
type finding struct {
	sessions.Session
	// present reports whether there is a record that has not expired.
	present bool
	// ended reports whether the session of the record has ended or was flushed.
	ended bool
	// revoked reports whether the session of the record or its user is revoked.
	revoked bool
	// active reports whether the session is present and neither ended nor revoked.
	active bool
}

// find looks up the record, and after that what is in force against it. In this order nothing is missed in between.
func (b *book) find(ctx context.Context, key sessions.Key, now time.Time) (finding, error) {
	session, present, err := b.store.Get(ctx, key, now)
	if err != nil {
		return finding{Session: sessions.Session{Key: key}}, fmt.Errorf("looking session up: %w", err)
	}
	if !present {
		return finding{Session: sessions.Session{Key: key}}, nil
	}
	found := finding{Session: session, present: true}
	found.check(&b.blacklist)
	return found, nil
}

// check sets what is in force against the session by now.
func (f *finding) check(list *entries) {
	f.ended = list.isOver(f.Key, f.AuthTime) || list.isLineageOver(f.Realm, lineageOf(f.Session))
	f.revoked = list.Contains(revokedSession(f.Key)) ||
		list.isUserRevoked(blacklist.RevokedUser(f.Realm, f.User), f.AuthTime)
	f.active = f.present && !f.ended && !f.revoked
}

// isActive reports whether the session of the record is active.
func (b *book) isActive(session sessions.Session) bool {
	found := finding{Session: session, present: true}
	found.check(&b.blacklist)
	return found.active
}

// listed is how many sessions are listed at once.
const listed = 200

// eachOfUser calls do with each of the user's records in the realm that have not expired.
func (b *book) eachOfUser(ctx context.Context, realm, user string, now time.Time, do func(sessions.Session)) error {
	query := sessions.Query{Realm: realm, User: user, Limit: listed}
	return b.eachOf(ctx, query, now, func(session sessions.Session) error {
		do(session)
		return nil
	})
}

// eachOf calls do with each record of the query that has not expired, page by page. It returns the first error.
func (b *book) eachOf(ctx context.Context, query sessions.Query, now time.Time, do func(sessions.Session) error) error {
	for {
		page, err := b.store.List(ctx, query, now)
		if err != nil {
			return fmt.Errorf("listing sessions: %w", err)
		}
		for _, session := range page.Sessions {
			if err := do(session); err != nil {
				return err
			}
		}
		if !page.More || len(page.Sessions) == 0 {
			return nil
		}
		query.After = page.Sessions[len(page.Sessions)-1].Hash
	}
}

// settle makes a change that depends on what others write. do returns [sessions.ErrBehind] if it has written nothing because
// others are ahead, or may be. It is called once more when the ledger has caught up. sure reports whether the ledger has, so
// that a refusal is based on all that others wrote. settle is called without any lock.
func (b *book) settle(ctx context.Context, do func(sure bool) error) error {
	err := do(b.company.knowsAll())
	for try := 1; errors.Is(err, sessions.ErrBehind); try++ {
		if try == maxTries {
			return fmt.Errorf("%w: %w, again and again", sessions.ErrUnavailable, err)
		}
		if err := b.company.catchUp(ctx); err != nil {
			return fmt.Errorf("hearing of what other gateways have changed: %w", err)
		}
		err = do(true)
	}
	return err
}

// hearOwn waits until a revocation that was just made here counts for the moments of the requests that follow: who signs in
// right after it is accepted. If that fails, he signs in once more.
func (b *book) hearOwn(ctx context.Context) { _ = b.company.catchUp(ctx) }

// persist makes the subjects durable. It reports an error to [Options.Report]: the outcome of the call does not depend on it.
// It is called without the lock of the session, since it takes a while.
func (b *book) persist(ctx context.Context, unsaved []blacklist.Subject) {
	if len(unsaved) == 0 {
		return
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := b.blacklist.Persist(ctx, unsaved...); err != nil {
		b.report(fmt.Errorf("ending session of another user, or admitting one: %w", err))
	}
}

// persistEnd makes an end durable and joins what went wrong. It is called without the lock of the session, since it takes a
// while.
func (b *book) persistEnd(ctx context.Context, ended []blacklist.Subject, err error) error {
	if len(ended) > 0 {
		err = errors.Join(err, b.blacklist.Persist(ctx, ended...))
	}
	if err != nil {
		return fmt.Errorf("ending session: %w", err)
	}
	return nil
}
