package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestEndOfActiveSession(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	q := f.Ask(shop)
	f.advance(10 * time.Second)
	if !f.end(0) {
		t.Error("End says that there was nothing to end")
	}
	f.expectActive("")
	f.expectToken(session.AuthTime, false)
	f.expectToken(f.clock().Unix(), false)
	f.expectToken(f.clock().Unix()+1, true)
	if f.MayMint(shop, session.AuthTime) {
		t.Error("a token may be minted")
	}
	if _, err := q.Identified(t.Context(), Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before: %v", err)
	}
	if _, there := f.memory.record(shop); there {
		t.Error("the record is still there")
	}
	f.expectActive("")
	f.crash()
	f.expectToken(session.AuthTime, false)
}

func TestEndOfNothingWritesNothing(t *testing.T) {
	f := newFixture(t)
	if err := f.Ask(shop).Nobody(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	q := f.Ask(shop)
	if f.end(0) {
		t.Error("End says that there was something to end")
	}
	if f.memory.writeCount() != 0 || f.memory.journal.Writes() != 0 || f.blacklist.Len() != 0 {
		t.Error("something was written")
	}
	if f.IsNobody(ctx, shop) {
		t.Error("nobody is still remembered")
	}
	if _, err := q.Identified(t.Context(), Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before: %v", err)
	}
}

func TestEndOfProvenSession(t *testing.T) {
	for name, proven := range map[string]int64{"past": start.Unix() - 20, "future": start.Unix() + 3} {
		f := newFixture(t)
		if !f.end(proven) {
			t.Errorf("%s: nothing was ended", name)
		}
		f.expectToken(proven, false)
		f.expectToken(start.Unix(), false)
		f.expectToken(max(proven, start.Unix())+1, true)
		f.crash()
		f.expectToken(proven, false)
	}
}

func TestEndOfEndedWritesNothingAgain(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.end(session.AuthTime)
	writes := f.memory.journal.Writes()
	for _, proven := range []int64{0, session.AuthTime, start.Unix()} {
		if f.end(proven) {
			t.Errorf("ended again, proven by %d", proven-start.Unix())
		}
	}
	f.advance(10 * time.Second)
	if f.end(session.AuthTime) || f.memory.journal.Writes() != writes {
		t.Error("a dead token proves a session")
	}
	again := f.learn("ann")
	if !f.end(0) {
		t.Error("the session that was learned again was not ended")
	}
	f.expectToken(again.AuthTime, false)
}

func TestLoginLogoutLoginWithinOneSecond(t *testing.T) {
	f := newFixture(t)
	var dead []int64
	for range 5 {
		session := f.learn("ann")
		f.expectToken(session.AuthTime, true)
		if !f.MayMint(shop, session.AuthTime) {
			t.Error("no token may be minted")
		}
		for _, authTime := range dead {
			f.expectToken(authTime, false)
		}
		if !f.end(0) {
			t.Error("nothing was ended")
		}
		dead = append(dead, session.AuthTime)
	}
}

func TestEndIsForItsSessionAlone(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	neighbours := []sessions.Key{{Realm: "forum", Hash: shop.Hash}, {Realm: "shop", Hash: sessions.HashOf("two")}}
	for _, key := range neighbours {
		if _, err := f.Ask(key).Identified(t.Context(), Identity{User: "ann"}, lives); err != nil {
			t.Fatal(err)
		}
	}
	f.end(0)
	for _, key := range neighbours {
		_, active, err := f.Active(t.Context(), key)
		if dead, _ := f.TokenDead(SubjectsOf("jti", key, "ann"), start.Unix()); err != nil || !active || dead {
			t.Errorf("a neighbour: active %v, dead %v, %v", active, dead, err)
		}
	}
}

func TestEndKeepsAsLongAsTokensLive(t *testing.T) {
	f := newFixture(t)
	f.Retain(time.Hour, 0)
	f.Retain(time.Minute, 0) // does not lower it
	session := f.learn("ann")
	f.end(0)
	f.advance(time.Hour + margin - 1)
	f.expectToken(session.AuthTime, false)
	f.sweep(t.Context())
	f.expectToken(session.AuthTime, false)
	f.advance(1)
	f.sweep(t.Context())
	if counts, err := f.Count(t.Context()); err != nil || counts.Entries != 0 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestEndWithFailingJournal(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.memory.journal.Fail(true)
	ended, err := f.End(t.Context(), shop, 0)
	if !ended || !errors.Is(err, blacklist.ErrUnavailable) {
		t.Fatalf("End: %v, %v", ended, err)
	}
	f.expectActive("")
	f.expectToken(session.AuthTime, false)
	again := f.learn("ann")
	f.expectActive("ann")
	if f.MayMint(shop, again.AuthTime) {
		t.Error("minting while the end is not durable")
	}
	f.retry(t.Context())
	if counts, _ := f.Count(t.Context()); counts.Pending != 1 || len(f.reports()) != 1 {
		t.Errorf("%+v, reported %v", counts, f.reports())
	}
	f.memory.journal.Fail(false)
	f.retry(t.Context())
	if !f.MayMint(shop, again.AuthTime) {
		t.Error("no minting after the recovery")
	}
	f.crash()
	f.expectToken(session.AuthTime, false)
	f.expectToken(again.AuthTime, true)
}

func TestEndWithFailingDelete(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.memory.fail(true, "Delete")
	ended, err := f.End(t.Context(), shop, 0)
	if !ended || !errors.Is(err, sessions.ErrUnavailable) {
		t.Fatalf("End: %v, %v", ended, err)
	}
	expectEnded := func() {
		t.Helper()
		f.expectActive("")
		f.expectToken(session.AuthTime, false)
		if page, err := f.List(t.Context(), sessions.Query{Realm: "shop", Limit: 9}); err != nil || len(page.Sessions) != 0 {
			t.Errorf("listed %v, %v", page.Sessions, err)
		}
	}
	expectEnded()
	if err := f.Touch(t.Context(), session, lives.Idle); err != nil {
		t.Error(err)
	}
	// The end outlives the record, also where another process goes on, which knows nothing of the failed deletion.
	f.crash()
	for f.clock().Before(session.Expires) {
		expectEnded()
		f.advance(time.Minute)
		f.sweep(t.Context())
	}
	f.expectActive("")
}

func TestFailedDeleteIsTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.memory.fail(true, "Delete")
	_, _ = f.End(t.Context(), shop, 0)
	f.retry(t.Context())
	if counts, _ := f.Count(t.Context()); counts.Undeleted != 1 || len(f.reports()) != 1 {
		t.Fatalf("%+v, reported %v", counts, f.reports())
	}
	f.memory.fail(false, "Delete")
	f.retry(t.Context())
	if counts, _ := f.Count(t.Context()); counts.Undeleted != 0 || counts.Sessions != 0 {
		t.Errorf("%+v", counts)
	}
}

func TestFailedDeleteOfWhatWasLearnedAgain(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.memory.fail(true, "Delete")
	_, _ = f.End(t.Context(), shop, 0)
	f.learn("bob")
	f.memory.fail(false, "Delete")
	if counts, _ := f.Count(t.Context()); counts.Undeleted != 0 {
		t.Errorf("%+v", counts)
	}
	f.retry(t.Context())
	f.expectActive("bob")
}

// Another process has learned the session again in the same store.
func TestRetriedDeleteLeavesActiveSession(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.memory.fail(true, "Delete")
	_, _ = f.End(t.Context(), shop, 0)
	f.memory.fail(false, "Delete")
	bob := sessions.Session{
		Key: shop, User: "bob", Source: sessions.Learned, AuthTime: start.Unix() + 9, Ends: start.Add(time.Hour),
	}
	if err := f.memory.Put(t.Context(), bob.Touched(start, time.Hour), start); err != nil {
		t.Fatal(err)
	}
	f.retry(t.Context())
	f.expectActive("bob")
	if counts, _ := f.Count(t.Context()); counts.Undeleted != 0 {
		t.Errorf("%+v", counts)
	}
}

func TestEndWithFailingLookUp(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.end(0)
	again := f.learn("ann") // in the second after the end
	f.memory.fail(true, "Get", "Delete")
	ended, err := f.End(t.Context(), shop, 0)
	if !ended || !errors.Is(err, sessions.ErrUnavailable) {
		t.Fatalf("End: %v, %v", ended, err)
	}
	f.expectToken(again.AuthTime, false)
	// Saying it over and over does not move the end ahead of the clock.
	for range 10 {
		if ended, err := f.End(t.Context(), shop, 0); ended || !errors.Is(err, sessions.ErrUnavailable) {
			t.Fatalf("End: %v, %v", ended, err)
		}
	}
	f.expectToken(again.AuthTime+1, true)
	if ended, _ := f.End(t.Context(), shop, again.AuthTime+1); !ended {
		t.Error("a usable token does not prove the session")
	}
	f.expectToken(again.AuthTime+1, false)
	// However long it lasts, the end holds until the record can be looked at.
	for range 200 {
		f.advance(time.Minute)
		f.retry(t.Context())
		f.sweep(t.Context())
	}
	writes := f.memory.journal.Writes()
	if writes > 9 {
		t.Errorf("written %d times", writes)
	}
	f.expectToken(again.AuthTime, false)
	f.memory.fail(false, "Get", "Delete")
	f.expectActive("")
}

func TestUndeletedAreBounded(t *testing.T) {
	f := newFixture(t)
	f.memory.fail(true, "Get", "Delete")
	for i := range maxUndeleted + 10 {
		key := sessions.Key{Realm: "shop", Hash: sessions.Hash{0, byte(i), byte(i >> 8)}}
		if ended, _ := f.End(t.Context(), key, 0); !ended {
			t.Fatal("not ended")
		}
	}
	if counts, err := f.Count(t.Context()); err != nil || counts.Undeleted != maxUndeleted {
		t.Errorf("%+v, %v", counts, err)
	}
}

// The order is part of the promise: in force before anything that takes time.
func TestEndIsInForceBeforeItIsWritten(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.memory.before = func(method string) {
		if method == "Delete" {
			f.expectToken(session.AuthTime, false)
			if f.MayMint(shop, session.AuthTime) || f.memory.journal.Writes() != 0 {
				t.Error("not in force, or written before")
			}
		}
	}
	f.end(0)
}

func TestEndIsFinishedThoughTheVisitorLeft(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ended, err := f.End(ctx, shop, 0); !ended || err != nil {
		t.Fatalf("End: %v, %v", ended, err)
	}
	f.crash()
	f.expectActive("")
	f.expectToken(session.AuthTime, false)
}
