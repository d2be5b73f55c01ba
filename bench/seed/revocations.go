package seed

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

// Realm is that of all users.
const Realm = "shop"

// batch is how many revocations are made durable at once.
const batch = 5000

// Kind is one of the five ways to revoke.
type Kind int

// The ways to revoke, the most frequent first.
const (
	Token Kind = iota
	Ended
	Session
	User
	Everywhere
)

// KindOf returns the way of the i-th revocation of a mixed list. Of a hundred, 50 are tokens, 30 sessions that have ended, 10
// sessions, 8 users of the realm and 2 users of all realms.
func KindOf(i int) Kind {
	switch i %= 100; {
	case i < 50:
		return Token
	case i < 80:
		return Ended
	case i < 90:
		return Session
	case i < 98:
		return User
	default:
		return Everywhere
	}
}

// Revoked returns the name of who or what the i-th revocation is about. No user of the application is among them.
func Revoked(i int) string { return "revoked-" + strconv.Itoa(i) }

// Mixed returns revocations of all kinds, and the flush of another realm.
func Mixed(count int, now, expires time.Time) iter.Seq[blacklist.Entry] {
	return func(yield func(blacklist.Entry) bool) {
		entry := blacklist.Entry{Second: now.Unix(), Expires: expires}
		for i := range count {
			entry.Subject = subjectOf(KindOf(i), Revoked(i))
			if !yield(entry) {
				return
			}
		}
		entry.Subject = blacklist.FlushedRealm("blog")
		yield(entry)
	}
}

// Ends returns the ends of so many sessions.
func Ends(count int, now, expires time.Time) iter.Seq[blacklist.Entry] {
	return func(yield func(blacklist.Entry) bool) {
		for i := range count {
			if !yield(blacklist.Entry{Subject: subjectOf(Ended, Revoked(i)), Second: now.Unix(), Expires: expires}) {
				return
			}
		}
	}
}

func subjectOf(kind Kind, name string) blacklist.Subject {
	switch kind {
	case Token:
		return blacklist.TokenID(name)
	case Ended:
		return blacklist.EndOf(Realm, sessions.HashOf(name))
	case Session:
		return blacklist.RevokedSession(Realm, sessions.HashOf(name))
	case User:
		return blacklist.RevokedUser(Realm, name)
	default:
		return blacklist.RevokedUserEverywhere(name)
	}
}

// Revoke makes revocations durable in the store of a directory, which nobody may have open. It leaves nothing for the store to do
// when it is opened.
func Revoke(ctx context.Context, dir string, entries iter.Seq[blacklist.Entry]) error {
	if err := revoke(ctx, dir, entries); err != nil {
		return err
	}
	return flatten(dir)
}

// flatten merges the tables of a store, which it would do in the background while something else is measured.
func flatten(dir string) error {
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil).WithCompression(options.None))
	if err != nil {
		return err
	}
	return errors.Join(db.Flatten(2), db.Close())
}

func revoke(ctx context.Context, dir string, entries iter.Seq[blacklist.Entry]) (err error) {
	db, err := badgerstore.Open(dir, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, err := blacklist.Open(ctx, db.Journal(), time.Now)
	if err != nil {
		return err
	}
	var part []blacklist.Entry
	for entry := range entries {
		if part = append(part, entry); len(part) < batch {
			continue
		}
		if _, err := list.Revoke(ctx, part...); err != nil {
			return err
		}
		part = part[:0]
	}
	_, err = list.Revoke(ctx, part...)
	return err
}
