package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// memory is a storage in memory whose parts fail when told to. It lives on when it is closed: opening a ledger on it
// again is a restart.
type memory struct {
	journal *blacklisttest.Journal

	mu      sync.Mutex
	records map[sessions.Key]sessions.Session
	failing map[string]bool // by the name of the method
	writes  int
	closed  int
	before  func(method string) // called at the start of each method of the store and of Append, unlocked
}

var _ sessions.Store = (*memory)(nil)

func newMemory() *memory {
	return &memory{
		journal: blacklisttest.NewJournal(),
		records: make(map[sessions.Key]sessions.Session), failing: make(map[string]bool),
	}
}

func (m *memory) Sessions() sessions.Store   { return m }
func (m *memory) Journal() blacklist.Journal { return appending{m.journal, m} }

// appending calls before.
type appending struct {
	*blacklisttest.Journal
	memory *memory
}

func (a appending) Append(ctx context.Context, entries ...blacklist.Entry) error {
	if a.memory.before != nil {
		a.memory.before("Append")
	}
	return a.Journal.Append(ctx, entries...)
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	if m.failing["Close"] {
		return sessions.ErrUnavailable
	}
	return nil
}

// fail makes methods of the store fail until they are named again with false.
func (m *memory) fail(failing bool, methods ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, method := range methods {
		m.failing[method] = failing
	}
}

func (m *memory) record(key sessions.Key) (sessions.Session, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, ok := m.records[key]
	return session, ok
}

func (m *memory) writeCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *memory) begin(ctx context.Context, method string) error {
	if m.before != nil {
		m.before(method)
	}
	m.mu.Lock()
	if err := ctx.Err(); err != nil || m.failing[method] {
		m.mu.Unlock()
		return errors.Join(fmt.Errorf("%w: told to fail", sessions.ErrUnavailable), err)
	}
	return nil
}

func (m *memory) get(key sessions.Key, now time.Time) (sessions.Session, bool) {
	session, ok := m.records[key]
	if !ok || session.Expired(now) {
		return sessions.Session{}, false
	}
	session.Attributes = maps.Clone(session.Attributes)
	return session, true
}

func (m *memory) Get(ctx context.Context, key sessions.Key, now time.Time) (sessions.Session, bool, error) {
	if err := m.begin(ctx, "Get"); err != nil {
		return sessions.Session{}, false, err
	}
	defer m.mu.Unlock()
	session, ok := m.get(key, now)
	return session, ok, nil
}

func (m *memory) Put(ctx context.Context, session sessions.Session, now time.Time) error {
	if err := m.begin(ctx, "Put"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.put(session, now)
	return nil
}

func (m *memory) put(session sessions.Session, now time.Time) {
	m.writes++
	delete(m.records, session.Key)
	if !session.Expired(now) {
		session.Attributes = maps.Clone(session.Attributes)
		m.records[session.Key] = session
	}
}

func (m *memory) Update(ctx context.Context, session sessions.Session, now time.Time) (bool, error) {
	if err := m.begin(ctx, "Update"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	old, ok := m.get(session.Key, now)
	if !ok || old.AuthTime != session.AuthTime {
		return false, nil
	}
	m.put(session, now)
	return true, nil
}

func (m *memory) Delete(ctx context.Context, key sessions.Key) (bool, error) {
	if err := m.begin(ctx, "Delete"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	_, ok := m.records[key]
	delete(m.records, key)
	m.writes++
	return ok, nil
}

func (m *memory) List(ctx context.Context, query sessions.Query, now time.Time) (sessions.Page, error) {
	if err := m.begin(ctx, "List"); err != nil {
		return sessions.Page{}, err
	}
	defer m.mu.Unlock()
	var page sessions.Page
	for key := range m.records {
		session, ok := m.get(key, now)
		if ok && key.Realm == query.Realm && bytes.Compare(key.Hash[:], query.After[:]) > 0 &&
			(!query.Provider.Present() || query.Provider == session.Provider) &&
			(query.User == "" || query.User == session.User) {
			page.Sessions = append(page.Sessions, session)
		}
	}
	slices.SortFunc(page.Sessions, func(a, b sessions.Session) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	if page.More = len(page.Sessions) > query.Limit; page.More {
		page.Sessions = page.Sessions[:query.Limit]
	}
	return page, nil
}

func (m *memory) Count(ctx context.Context) (int, error) {
	if err := m.begin(ctx, "Count"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	return len(m.records), nil
}

var (
	start = time.Unix(1_700_000_000, 0)
	shop  = sessions.Key{Realm: "shop", Hash: sessions.HashOf("one")}
	lives = Lifetimes{Idle: 30 * time.Minute, MaxAge: 24 * time.Hour}
)

const tokenLife = time.Minute

// fixture is a ledger over a memory with a clock that stands still.
type fixture struct {
	*Ledger
	memory *memory
	time   *testclock.Clock
	t      testing.TB

	mu       sync.Mutex
	reported []error
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{memory: newMemory(), t: t, time: testclock.At(start)}
	f.open()
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	ledger, err := Open(context.Background(), f.memory, Options{Now: f.clock, Report: f.record})
	if err != nil {
		f.t.Fatal(err)
	}
	ledger.Retain(tokenLife, 0)
	f.Ledger = ledger
}

// crash goes on with what a process that was killed leaves behind.
func (f *fixture) crash() {
	f.stop()
	<-f.stopped
	f.open()
}

func (f *fixture) clock() time.Time { return f.time.Now() }

func (f *fixture) advance(by time.Duration) { f.time.Advance(by) }

func (f *fixture) record(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reported = append(f.reported, err)
}

func (f *fixture) reports() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.reported)
}

// failAll makes all of the storage fail, or none of it.
func (f *fixture) failAll(failing bool) {
	f.memory.fail(failing, "Get", "Put", "Update", "Delete", "List", "Count")
	f.memory.journal.Fail(failing)
}

// learn lets the application name the user, and returns the session.
func (f *fixture) learn(user string) sessions.Session {
	f.t.Helper()
	return f.answer(f.Ask(shop), user)
}

func (f *fixture) answer(q *Question, user string) sessions.Session {
	f.t.Helper()
	session, err := q.Identified(context.Background(), Identity{User: user}, lives)
	if err != nil {
		f.t.Fatalf("Identified: %v", err)
	}
	return session
}

func (f *fixture) end(proven int64) bool {
	f.t.Helper()
	ended, err := f.End(context.Background(), shop, proven)
	if err != nil {
		f.t.Fatalf("End: %v", err)
	}
	return ended
}

func (f *fixture) active() (sessions.Session, bool) {
	f.t.Helper()
	session, active, err := f.Active(context.Background(), shop)
	if err != nil {
		f.t.Fatalf("Active: %v", err)
	}
	return session, active
}

func (f *fixture) expectActive(user string) {
	f.t.Helper()
	if session, active := f.active(); active != (user != "") || session.User != user {
		f.t.Errorf("active is %v, of user %q; want user %q", active, session.User, user)
	}
}

// expectToken reports whether a token with this auth_time must be alive.
func (f *fixture) expectToken(authTime int64, alive bool) {
	f.t.Helper()
	dead, cause := f.TokenDead(SubjectsOf("jti", shop, "ann"), authTime)
	if dead == alive || dead != (cause == Ended) {
		f.t.Errorf("a token of %d: dead is %v (%d), want %v", authTime-start.Unix(), dead, cause, !alive)
	}
}
