package badgerstore

import (
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/sessionstest"
)

// childEnv makes the test binary the process that a test wants beside its own. See child_test.go.
const childEnv = "BADGERSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(runChild(role, os.Getenv(childEnv+"_DIR")))
	}
	os.Exit(scratch.Run(m))
}

func TestSessions(t *testing.T) {
	sessionstest.Run(t, func(t *testing.T) sessions.Store { return openTemp(t).Sessions() })
}

func TestJournal(t *testing.T) {
	blacklisttest.Run(t, func(t *testing.T) blacklist.Journal { return openTemp(t).Journal() })
}

// openTemp opens a store in a directory of its own, and closes it at the end of the test.
func openTemp(t testing.TB) *DB {
	t.Helper()
	return mustOpen(t, t.TempDir(), zap.NewNop(), production())
}

func mustOpen(t testing.TB, dir string, logger *zap.Logger, settings settings) *DB {
	t.Helper()
	db, err := open(dir, logger, settings)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return db
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
}

var start = time.Now().Truncate(time.Second)

func newSession(id, user string) sessions.Session {
	return sessions.Session{
		Key:  sessions.Key{Realm: "shop", Hash: sessions.HashOf(id)},
		User: user, Source: sessions.Learned, AuthTime: start.Unix(),
		Seen: start, Confirmed: start, Ends: start.Add(24 * time.Hour), Expires: start.Add(time.Hour),
	}
}

func mustPut(t testing.TB, db *DB, all ...sessions.Session) {
	t.Helper()
	for _, one := range all {
		if err := db.Sessions().Put(t.Context(), one, start); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
}

func mustHave(t testing.TB, db *DB, want sessions.Session) {
	t.Helper()
	got, found, err := db.Sessions().Get(t.Context(), want.Key, start)
	if err != nil || !found || got.User != want.User {
		t.Fatalf("Get = %+v, %v, %v, want %+v", got, found, err, want)
	}
}

func load(t testing.TB, db *DB) map[blacklist.Subject]blacklist.Entry {
	t.Helper()
	loaded := map[blacklist.Subject]blacklist.Entry{}
	err := db.Journal().Load(t.Context(), start, func(entry blacklist.Entry) error {
		loaded[entry.Subject] = entry
		return nil
	})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return loaded
}

func revocation(jti string) blacklist.Entry {
	return blacklist.Entry{Subject: blacklist.TokenID(jti), Expires: start.Add(time.Hour)}
}

// mustFail checks that every method of both halves fails, each with its own kind of error; those that only read are
// left out where reading still works.
func mustFail(t *testing.T, db *DB, reading bool) {
	t.Helper()
	ctx, one := t.Context(), newSession("absent", "ann")
	_, updateErr := db.Sessions().Update(ctx, one, start)
	_, deleteErr := db.Sessions().Delete(ctx, one.Key)
	failures := map[string]error{"Put": db.Sessions().Put(ctx, one, start), "Update": updateErr, "Delete": deleteErr}
	refused := map[string]error{
		"Append": db.Journal().Append(ctx, revocation("absent")),
		"Remove": db.Journal().Remove(ctx, revocation("absent").Subject),
	}
	if reading {
		_, _, failures["Get"] = db.Sessions().Get(ctx, one.Key, start)
		_, failures["List"] = db.Sessions().List(ctx, sessions.Query{Realm: "shop", Limit: 1}, start)
		_, failures["Count"] = db.Sessions().Count(ctx)
		refused["Load"] = db.Journal().Load(ctx, start, func(blacklist.Entry) error { return nil })
	}
	for method, err := range failures {
		if !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("%s = %v, want sessions.ErrUnavailable", method, err)
		}
	}
	for method, err := range refused {
		if !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("%s = %v, want blacklist.ErrUnavailable", method, err)
		}
	}
}
