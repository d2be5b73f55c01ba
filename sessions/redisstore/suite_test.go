package redisstore

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/sessionstest"
)

func TestMain(m *testing.M) { os.Exit(scratch.Run(m)) }

// testTimeout is long, as the machine may be busy.
const testTimeout = 5 * time.Second

// journalState is what a gateway knows of the journal.
type journalState struct {
	known  uint64
	writes []uint64
}

func (j *journalState) position() uint64 { return j.known }
func (j *journalState) own() []uint64    { return j.writes }
func (j *journalState) lost() bool       { return false }

// testStore is a gateway's store on a server.
type testStore struct {
	*store
	state     *journalState
	exchanged atomic.Int64 // how often the client has told that the server was exchanged
}

var start = time.Now().Truncate(time.Second)

func newSession(id, user string) sessions.Session {
	return sessions.Session{
		Key:  sessions.Key{Realm: "shop", Hash: sessions.HashOf(id)},
		User: user, Source: sessions.Learned, AuthTime: start.Unix(),
		Seen: start, Confirmed: start, Ends: start.Add(24 * time.Hour), Expires: start.Add(time.Hour),
	}
}

// open returns the store of a gateway that has joined, with the options of a URL.
func open(t testing.TB, option rueidis.ClientOption, prefix string) *testStore {
	t.Helper()
	opened := &testStore{state: new(journalState)}
	client := newClient(option, newKeys(prefix), testTimeout)
	client.exchanged = func() { opened.exchanged.Add(1) }
	t.Cleanup(client.close)
	opened.store = &store{client: client, known: opened.state}
	opened.join(t)
	return opened
}

// join makes a store of what is on the server.
func (s *testStore) join(t testing.TB) {
	t.Helper()
	epoch := s.client.keys.epoch()
	for _, command := range [][]string{{"SETNX", epoch, fmt.Sprint("epoch of ", t.Name(), time.Now())}, {"GET", epoch}} {
		answer := s.client.do(t.Context(), func(b rueidis.Builder) rueidis.Completed {
			return b.Arbitrary(command[0]).Keys(command[1]).Args(command[2:]...).Build()
		})
		if err := answer.Error(); err != nil {
			t.Fatalf("joining: %v", err)
		}
		if text, err := answer.ToString(); err == nil {
			s.client.join(text)
		}
	}
}

func optionOf(t testing.TB, url string) rueidis.ClientOption {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return option
}

// openOn returns a store on a server, which may have others.
func openOn(t testing.TB, server *redistest.Server) *testStore {
	t.Helper()
	return open(t, optionOf(t, server.URL()), defaultPrefix)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		count := 0
		sessionstest.Run(t, func(t *testing.T) sessions.Store {
			count++
			return open(t, optionOf(t, server.URL()), fmt.Sprint("store ", count)).store
		})
	})
}

func mustPut(t testing.TB, store *testStore, all ...sessions.Session) {
	t.Helper()
	for _, one := range all {
		if err := store.Put(t.Context(), one, start); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
}

func mustHave(t testing.TB, store *testStore, want sessions.Session) {
	t.Helper()
	got, found, err := store.Get(t.Context(), want.Key, start)
	if err != nil || !found || got.User != want.User {
		t.Fatalf("Get = %+v, %v, %v, want %+v", got, found, err, want)
	}
}
