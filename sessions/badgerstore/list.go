package badgerstore

import (
	"context"
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// prefetched is how many values an iterator reads ahead at most.
const prefetched = 100

var errLimit = errors.New("the limit of a page must be 1 or more")

// List implements [sessions.Store].
func (s *store) List(ctx context.Context, query sessions.Query, now time.Time) (sessions.Page, error) {
	page, err := s.list(ctx, query, now)
	if err != nil {
		return sessions.Page{}, unavailable(sessions.ErrUnavailable, "listing sessions", err)
	}
	return page, nil
}

func (s *store) list(ctx context.Context, query sessions.Query, now time.Time) (sessions.Page, error) {
	if query.Limit < 1 {
		return sessions.Page{}, errLimit
	}
	if err := checkRealm(query.Realm); err != nil {
		return sessions.Page{}, err
	}
	if err := s.db.enter(ctx); err != nil {
		return sessions.Page{}, err
	}
	defer s.db.leave()
	txn := s.db.badger.NewTransaction(false)
	defer txn.Discard()
	l := lister{ctx: ctx, txn: txn, query: query, now: now}
	l.run()
	return l.page, l.err
}

// lister collects one page.
type lister struct {
	ctx   context.Context //nolint:containedctx // it lives for one call
	txn   *badger.Txn
	query sessions.Query
	now   time.Time

	page sessions.Page
	err  error
}

func (l *lister) run() {
	options := badger.IteratorOptions{Prefix: realmPrefix(recordKind, l.query.Realm)}
	switch {
	case l.query.Provider.Present():
		options.Prefix = signInPrefix(l.query.Realm, l.query.Provider)
	case l.query.User != "":
		options.Prefix = userPrefix(l.query.Realm, l.query.User)
	default:
		options.PrefetchValues, options.PrefetchSize = true, min(l.query.Limit, prefetched-1)+1
	}
	iterator := l.txn.NewIterator(options)
	defer iterator.Close()
	start := options.Prefix
	if l.query.After != (sessions.Hash{}) {
		start = append(start, l.query.After[:]...)
	}
	for iterator.Seek(start); iterator.Valid(); iterator.Next() {
		if l.err = l.ctx.Err(); l.err != nil || !l.add(iterator.Item()) {
			return
		}
	}
}

// add adds the session that an item is or leads to, and reports whether to go on.
func (l *lister) add(item *badger.Item) bool {
	key := sessions.Key{Realm: l.query.Realm, Hash: hashAtEnd(item.Key())}
	if l.query.After == key.Hash && key.Hash != (sessions.Hash{}) {
		return true
	}
	session, found, err := l.read(item, key)
	if err != nil {
		l.err = err
		return false
	}
	if !found || session.Expired(l.now) || !l.asksFor(session) {
		return true
	}
	if len(l.page.Sessions) == l.query.Limit {
		l.page.More = true
		return false
	}
	l.page.Sessions = append(l.page.Sessions, session)
	return true
}

// asksFor reports whether the query asks for the session. What leads to a record may be of an earlier one with its key.
func (l *lister) asksFor(session sessions.Session) bool {
	return (l.query.User == "" || l.query.User == session.User) &&
		(!l.query.Provider.Present() || l.query.Provider == session.Provider)
}

// isLed reports whether the page is found by the keys that lead to records.
func (l *lister) isLed() bool { return l.query.User != "" || l.query.Provider.Present() }

func (l *lister) read(item *badger.Item, key sessions.Key) (session sessions.Session, found bool, err error) {
	if l.isLed() {
		return readSession(l.txn, recordKey(key), key)
	}
	err = item.Value(func(value []byte) error {
		payload, err := unseal(item.Key(), value)
		if err == nil {
			session, err = record.ParseSession(key, payload)
		}
		return err
	})
	return session, err == nil, err
}
