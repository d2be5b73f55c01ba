package badgerstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// dropAfter is how much longer than a record Badger keeps it. Its clock is that of the machine, in whole seconds, and must
// not drop anything sooner than the record itself expires.
const dropAfter = time.Hour

// store is the sessions.Store in a DB.
type store struct{ db *DB }

// Get implements [sessions.Store].
func (s *store) Get(ctx context.Context, key sessions.Key, now time.Time) (sessions.Session, bool, error) {
	session, found, err := s.get(ctx, key)
	if err != nil {
		return sessions.Session{}, false, unavailable(sessions.ErrUnavailable, "reading session", err)
	}
	if !found || session.Expired(now) {
		return sessions.Session{}, false, nil
	}
	return session, true, nil
}

func (s *store) get(ctx context.Context, key sessions.Key) (sessions.Session, bool, error) {
	if err := checkRealm(key.Realm); err != nil {
		return sessions.Session{}, false, err
	}
	if err := s.db.enter(ctx); err != nil {
		return sessions.Session{}, false, err
	}
	defer s.db.leave()
	txn := s.db.badger.NewTransaction(false)
	defer txn.Discard()
	return readSession(txn, recordKey(key), key)
}

// readSession returns what is there, expired or not.
func readSession(txn *badger.Txn, at []byte, key sessions.Key) (session sessions.Session, found bool, err error) {
	err = readValue(txn, at, func(payload []byte) error {
		var err error
		session, err = record.ParseSession(key, payload)
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return sessions.Session{}, false, nil
	}
	return session, err == nil, err
}

// Put implements [sessions.Store].
func (s *store) Put(ctx context.Context, session sessions.Session, now time.Time) error {
	_, err := s.update(ctx, session.Key, func(txn *badger.Txn, at []byte) (outcome, error) {
		old, err := lookUp(txn, at, session.Key)
		if err != nil {
			return outcome{}, err
		}
		return replace(txn, at, old, session, now)
	})
	return unavailable(sessions.ErrUnavailable, "writing session", err)
}

// Update implements [sessions.Store].
func (s *store) Update(ctx context.Context, session sessions.Session, now time.Time) (bool, error) {
	done, err := s.update(ctx, session.Key, func(txn *badger.Txn, at []byte) (outcome, error) {
		present, found, err := readSession(txn, at, session.Key)
		if err != nil || !found || present.Expired(now) || present.AuthTime != session.AuthTime {
			return outcome{}, err
		}
		return replace(txn, at, earlier{there: true, session: present, readable: true}, session, now)
	})
	return done, unavailable(sessions.ErrUnavailable, "updating session", err)
}

// Delete implements [sessions.Store].
func (s *store) Delete(ctx context.Context, key sessions.Key) (bool, error) {
	done, err := s.update(ctx, key, func(txn *badger.Txn, at []byte) (outcome, error) {
		old, err := lookUp(txn, at, key)
		if err != nil || !old.there {
			return outcome{}, err
		}
		return outcome{did: true, records: -1}, drop(txn, at, old)
	})
	return done, unavailable(sessions.ErrUnavailable, "deleting session", err)
}

// Count implements [sessions.Store]. It costs nothing. Records that Badger has dropped by itself are included for up to an
// hour.
func (s *store) Count(ctx context.Context) (int, error) {
	if err := s.db.enter(ctx); err != nil {
		return 0, unavailable(sessions.ErrUnavailable, "counting sessions", err)
	}
	defer s.db.leave()
	return int(max(s.db.records.Load(), 0)), nil
}

// outcome is what a step did, and by how many records.
type outcome struct {
	did     bool
	records int64
}

// earlier is what is known of a record that is to be replaced or deleted.
type earlier struct {
	there    bool
	readable bool             // a damaged one is not, and is replaced and deleted all the same
	session  sessions.Session // where readable
}

// update runs a step that reads a session and writes it, under the session's lock.
func (s *store) update(ctx context.Context, key sessions.Key, step func(*badger.Txn, []byte) (outcome, error)) (bool, error) {
	if err := checkRealm(key.Realm); err != nil {
		return false, err
	}
	if err := s.db.enter(ctx); err != nil {
		return false, err
	}
	defer s.db.leave()
	defer s.db.lock(key).Unlock()
	at := recordKey(key)
	var done outcome
	err := s.db.change(func(txn *badger.Txn) (int64, error) {
		var err error
		done, err = step(txn, at)
		return done.records, err
	})
	return done.did && err == nil, err
}

func lookUp(txn *badger.Txn, at []byte, key sessions.Key) (earlier, error) {
	session, found, err := readSession(txn, at, key)
	if errors.Is(err, record.ErrDamaged) || errors.Is(err, errVersion) {
		return earlier{there: true}, nil
	}
	return earlier{there: found, readable: found, session: session}, err
}

// replace writes the session over what was there, or only drops that where the session has expired.
func replace(txn *badger.Txn, at []byte, old earlier, session sessions.Session, now time.Time) (outcome, error) {
	done := outcome{did: true}
	if session.Expired(now) {
		if old.there {
			done.records = -1
			return done, drop(txn, at, old)
		}
		return done, nil
	}
	if old.readable && (old.session.User != session.User || old.session.Provider != session.Provider) {
		if err := dropLeading(txn, old.session); err != nil {
			return outcome{}, err
		}
	}
	if !old.there {
		done.records = 1
	}
	return done, write(txn, at, session, dropAt(session.Expires.Sub(now)))
}

func write(txn *badger.Txn, at []byte, session sessions.Session, dropAt uint64) error {
	value := seal(at, record.AppendSession(newValue(128+len(session.User)), session))
	if err := txn.SetEntry(&badger.Entry{Key: at, Value: value, ExpiresAt: dropAt}); err != nil {
		return err
	}
	for _, key := range leadingKeys(session) {
		if err := txn.SetEntry(&badger.Entry{Key: key, ExpiresAt: dropAt}); err != nil {
			return err
		}
	}
	return nil
}

func drop(txn *badger.Txn, at []byte, old earlier) error {
	if err := txn.Delete(at); err != nil {
		return err
	}
	if !old.readable {
		return nil // whatever leads to it leads to nothing, which List passes over
	}
	return dropLeading(txn, old.session)
}

// dropLeading deletes the keys that lead to a session.
func dropLeading(txn *badger.Txn, session sessions.Session) error {
	for _, key := range leadingKeys(session) {
		if err := txn.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// dropAt returns when Badger, which goes by the machine's clock, may drop what has so long to live. The clock of the caller
// may be another one; how long a record lives is the same by both.
func dropAt(left time.Duration) uint64 {
	if left > math.MaxInt64-dropAfter {
		return 0 // never
	}
	return uint64(time.Now().Add(left+dropAfter).Unix() + 1)
}
