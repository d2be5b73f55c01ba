package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func (f *fixture) add(user string) sessions.Session {
	f.t.Helper()
	session, err := f.Add(context.Background(), shop, Identity{User: user}, lives)
	if err != nil {
		f.t.Fatalf("Add: %v", err)
	}
	return session
}

func TestActive(t *testing.T) {
	f := newFixture(t)
	f.expectActive("")
	session := f.learn("ann")
	f.expectActive("ann")
	f.advance(lives.Idle)
	f.expectActive("")
	f.memory.fail(true, "Get")
	got, active, err := f.Active(t.Context(), shop)
	if active || !errors.Is(err, sessions.ErrUnavailable) || got.User != "" {
		t.Errorf("Active: %+v, %v, %v", got, active, err)
	}
	f.expectToken(session.AuthTime, true)
}

// The record is read before the session ends and looked at afterwards.
func TestActiveSeesAnEndInBetween(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.memory.fail(true, "Delete")
	f.memory.before = func(method string) {
		if method == "Get" {
			f.blacklist.enforce(shop, session.AuthTime, time.Time{})
		}
	}
	f.expectActive("")
}

func TestAdd(t *testing.T) {
	f := newFixture(t)
	if err := f.Ask(shop).Nobody(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	q := f.Ask(shop)
	session := f.add("ann")
	want := sessions.Session{
		Key: shop, User: "ann", Source: sessions.Added, AuthTime: start.Unix(), Seen: start, Confirmed: start,
		Ends: start.Add(lives.MaxAge), Expires: start.Add(lives.Idle),
	}
	if kept, active := f.active(); !active || !equal(session, want) || !equal(kept, want) {
		t.Errorf("added %+v, kept %+v, want %+v", session, kept, want)
	}
	if f.IsNobody(ctx, shop) {
		t.Error("nobody is remembered beside a user")
	}
	if err := q.Nobody(t.Context(), time.Minute); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before: %v", err)
	}
	f.expectActive("ann")
}

func TestAddedIsConfirmedByBeingThere(t *testing.T) {
	f := newFixture(t)
	f.add("ann")
	f.advance(10 * time.Minute)
	if session, _ := f.active(); !session.Confirmed.Equal(f.clock()) {
		t.Errorf("confirmed %v, want %v", session.Confirmed, f.clock())
	}
	if kept, _ := f.memory.record(shop); !kept.Confirmed.Equal(start) {
		t.Errorf("the record says %v", kept.Confirmed)
	}
}

func TestAddAfterAnEnd(t *testing.T) {
	f := newFixture(t)
	old := f.learn("ann")
	f.end(0)
	session := f.add("ann")
	f.expectToken(old.AuthTime, false)
	f.expectToken(session.AuthTime, true)
}

func TestAddInTheSamePlace(t *testing.T) {
	f := newFixture(t)
	ann := f.learn("ann")
	f.add("ann")
	f.expectToken(ann.AuthTime, true)
	bob := f.add("bob")
	f.expectActive("bob")
	f.expectToken(ann.AuthTime, false)
	f.expectToken(bob.AuthTime, true)
	f.crash()
	f.expectToken(ann.AuthTime, false)
}

func TestAddWithFailingStorage(t *testing.T) {
	for _, method := range []string{"Get", "Put"} {
		f := newFixture(t)
		f.memory.fail(true, method)
		session, err := f.Add(t.Context(), shop, Identity{User: "ann"}, lives)
		if !errors.Is(err, sessions.ErrUnavailable) || session.User != "" {
			t.Errorf("%s fails: %+v, %v", method, session, err)
		}
	}
	f := newFixture(t)
	f.learn("ann")
	f.memory.journal.Fail(true)
	bob := f.add("bob")
	if len(f.reports()) != 1 || f.MayMint(shop, bob.AuthTime) {
		t.Errorf("reported %v", f.reports())
	}
}

// A write that fails over a session that goes on leaves it going on.
func TestAddForTheSameUserWithFailingPut(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.end(0)
	session := f.learn("ann")
	f.memory.fail(true, "Put")
	if _, err := f.Add(t.Context(), shop, Identity{User: "ann"}, lives); err == nil {
		t.Fatal("added")
	}
	f.memory.fail(false, "Put")
	f.retry(t.Context())
	f.expectActive("ann")
	f.expectToken(session.AuthTime, true)
}

func TestTouch(t *testing.T) {
	for _, step := range []struct {
		after, idle time.Duration
		writes      bool
	}{
		{0, lives.Idle, false},
		{time.Minute - 1, lives.Idle, false},
		{time.Minute, lives.Idle, true},
		{9 * time.Second, 100 * time.Second, false},
		{10 * time.Second, 100 * time.Second, true},
		{time.Hour, 0, false},
	} {
		f := newFixture(t)
		long := Lifetimes{Idle: 48 * time.Hour, MaxAge: 72 * time.Hour}
		session, err := f.Ask(shop).Identified(t.Context(), Identity{User: "ann"}, long)
		if err != nil {
			t.Fatal(err)
		}
		f.advance(step.after)
		writes := f.memory.writeCount()
		if err := f.Touch(t.Context(), session, step.idle); err != nil {
			t.Fatal(err)
		}
		if wrote := f.memory.writeCount() > writes; wrote != step.writes {
			t.Errorf("%v after, idle %v: wrote %v", step.after, step.idle, wrote)
		}
		want := session
		if step.writes {
			want.Seen, want.Expires = f.clock(), f.clock().Add(step.idle)
		}
		if kept, _ := f.active(); !equal(kept, want) {
			t.Errorf("%v after: kept %+v, want %+v", step.after, kept, want)
		}
	}
}

// What happened since the session was looked up is not undone by touching it.
func TestTouchUndoesNothing(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.advance(2 * time.Minute)
	identity := Identity{User: "ann", Attributes: sessions.Attributes{"a": sessions.Text("b")}}
	if _, err := f.Ask(shop).Identified(t.Context(), identity, lives); err != nil {
		t.Fatal(err)
	}
	f.advance(2 * time.Minute)
	if err := f.Touch(t.Context(), session, lives.Idle); err != nil {
		t.Fatal(err)
	}
	kept, _ := f.active()
	confirmed := kept.Confirmed.Equal(f.clock().Add(-2 * time.Minute))
	if !confirmed || !kept.Seen.Equal(f.clock()) || !kept.Attributes["a"].Present() {
		t.Errorf("kept %+v", kept)
	}
	f.learn("bob")
	writes := f.memory.writeCount()
	f.advance(2 * time.Minute)
	if err := f.Touch(t.Context(), session, lives.Idle); err != nil || f.memory.writeCount() != writes {
		t.Errorf("touched another user's session: %v", err)
	}
	f.end(0)
	if err := f.Touch(t.Context(), kept, lives.Idle); err != nil {
		t.Error(err)
	}
	f.expectActive("")
}

func TestTouchWithFailingStore(t *testing.T) {
	for _, method := range []string{"Get", "Update"} {
		f := newFixture(t)
		session := f.learn("ann")
		f.advance(2 * time.Minute)
		f.memory.fail(true, method)
		if err := f.Touch(t.Context(), session, lives.Idle); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("%s fails: %v", method, err)
		}
	}
}

func TestList(t *testing.T) {
	f := newFixture(t)
	var keys []sessions.Key
	for i := range byte(6) {
		keys = append(keys, sessions.Key{Realm: "shop", Hash: sessions.Hash{i + 1}})
		if _, err := f.Add(t.Context(), keys[i], Identity{User: "ann"}, lives); err != nil {
			t.Fatal(err)
		}
	}
	f.memory.fail(true, "Delete")
	for _, i := range []int{1, 2, 3, 5} {
		_, _ = f.End(t.Context(), keys[i], 0)
	}
	query := sessions.Query{Realm: "shop", Limit: 2}
	for _, want := range []struct {
		hash sessions.Hash
		more bool
	}{{keys[0].Hash, true}, {keys[4].Hash, true}} {
		page, err := f.List(t.Context(), query)
		if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Hash != want.hash || page.More != want.more {
			t.Fatalf("List: %+v, %v; want %v", page, err, want)
		}
		query.After = page.Sessions[0].Hash
	}
	if page, err := f.List(t.Context(), query); err != nil || len(page.Sessions) != 0 || page.More {
		t.Errorf("the last page: %+v, %v", page, err)
	}
	if page, err := f.List(t.Context(), sessions.Query{Realm: "forum", Limit: 2}); err != nil || len(page.Sessions) != 0 {
		t.Errorf("another realm: %v, %v", page, err)
	}
	f.memory.fail(true, "List", "Count")
	if _, err := f.List(t.Context(), query); !errors.Is(err, sessions.ErrUnavailable) {
		t.Errorf("List: %v", err)
	}
	if counts, err := f.Count(t.Context()); !errors.Is(err, sessions.ErrUnavailable) || counts.Entries != 4 {
		t.Errorf("Count: %+v, %v", counts, err)
	}
}
