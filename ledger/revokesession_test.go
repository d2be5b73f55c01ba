package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

var one, two, three = keyOf("one"), keyOf("two"), keyOf("three")

func TestRevokeSession(t *testing.T) {
	f := newFixture(t)
	session := f.learnAt(one, "ann")
	q, nobody := f.Ask(one), f.Ask(one)
	f.ok(f.RevokeSession(ctx, one))
	if _, there := f.memory.record(one); there {
		t.Error("the record is still there")
	}
	if f.MayMint(one, start.Unix()+100) {
		t.Error("a token may be minted")
	}
	// Not ErrOvertaken, with which it would be asked about again.
	if _, err := q.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
		t.Errorf("an answer from before: %v", err)
	}
	if err := nobody.Nobody(ctx, time.Minute); !errors.Is(err, ErrRevoked) || f.IsNobody(ctx, one) {
		t.Errorf("nobody, from before: %v", err)
	}
	for range 2 {
		f.expectDead(session, Revoked)
		session.AuthTime += 1000
		f.expectDead(session, Revoked)
		session.AuthTime -= 1000
		f.expectRefused(one, "ann")
		f.expectRefused(one, "bob")
		if _, err := f.Add(ctx, one, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
			t.Errorf("Add: %v", err)
		}
		f.expectUser(two, "")
		f.crash()
	}
}

// The same session under another spelling of its id is one that was never seen.
func TestRevokedSessionUnderAnotherSpelling(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	for range 2 {
		f.expectRefused(two, "ann")
		f.learnAt(three, "bob")
		f.learnAt(sessions.Key{Realm: "forum", Hash: two.Hash}, "ann") // another ann
		f.crash()
	}
}

func TestOtherSessionsOfWatchedUser(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	known := f.learnAt(two, "ann")
	f.maxRecords = 2 * listed   // as in a store from before there was a bound
	for i := range listed + 1 { // more than a page
		f.learnAt(keyOf(fmt.Sprint("many", i)), "ann")
	}
	f.ok(f.RevokeSession(ctx, one))
	f.expectUser(two, "ann")
	f.expectDead(known, 0)
	f.learnAt(two, "ann") // confirmed
	f.crash()
	f.expectUser(two, "ann")
	f.advance(lives.Idle) // the record goes, and what was known before still counts
	f.expectUser(two, "")
	f.learnAt(two, "ann")
	f.learnAt(keyOf(fmt.Sprint("many", listed)), "ann")
	f.ok(f.RevokeSession(ctx, two)) // unless it is revoked itself
	f.expectRefused(two, "ann")
	f.advance(lives.Idle)
	f.learnAt(keyOf("many0"), "ann")
}

// A session that had ended, or whose record had gone, was not active when the user became watched.
func TestEndedSessionIsNotAdmitted(t *testing.T) {
	f := newFixture(t)
	f.learnAt(two, "ann")
	f.learnAt(one, "ann")
	f.memory.fail(true, "Delete")
	_, _ = f.End(ctx, two, 0)
	f.ok(f.RevokeSession(ctx, one)) // its record can't be deleted either
	f.expectRefused(two, "ann")
	f.memory.fail(false, "Delete")
	f.retry(ctx)
	if _, there := f.memory.record(one); there || len(f.reports()) != 0 {
		t.Errorf("the record is there: %v; reported %v", there, f.reports())
	}
}

// What a watched user is seen to begin counts, and goes on counting when its record is gone.
func TestWatchedUserSignsInAgain(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	began := f.Moment()
	f.ok(f.RevokeSession(ctx, one))
	f.SawSet(two, began) // in answer to a request from before, maybe with the very session
	f.expectRefused(two, "ann")
	f.SawSet(two, f.Moment())
	f.SawSet(two, began) // a late answer takes nothing away
	f.learnAt(two, "ann")
	for range 2 {
		f.expectUser(two, "ann")
		f.advance(lives.Idle)
		f.crash()
		f.learnAt(two, "ann")
	}
	f.SawSet(one, f.Moment())
	f.expectRefused(one, "ann")
	f.expectRefused(three, "ann")
}

func TestAddedSessionOfWatchedUser(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	_, err := f.Add(ctx, two, Identity{User: "ann"}, lives)
	f.ok(err)
	f.advance(lives.Idle)
	f.crash()
	f.learnAt(two, "ann")
}

func TestAdmissionIsRetried(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.SawSet(two, f.Moment())
	f.memory.journal.Fail(true)
	f.learnAt(two, "ann")
	if reports := f.reports(); len(reports) != 1 || !errors.Is(reports[0], blacklist.ErrUnavailable) {
		t.Errorf("reported %v", reports)
	}
	f.memory.journal.Fail(false)
	f.retry(ctx)
	f.advance(lives.Idle)
	f.crash()
	f.learnAt(two, "ann")
}

// An answer to a question from before a revocation does not count, though that was lifted meanwhile.
func TestAnswerFromBeforeWhatWasLifted(t *testing.T) {
	f := newFixture(t)
	q := f.Ask(one)
	f.ok(f.RevokeSession(ctx, one))
	_, err := f.LiftSession(ctx, one)
	f.ok(err)
	if _, err := q.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("Identified: %v", err)
	}
}

// Without a record it is not known whose session it is, and so nobody is watched.
func TestRevokeUnknownSession(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeSession(ctx, one))
	f.expectRefused(one, "ann")
	f.learnAt(two, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.learnAt(three, "ann")
}

// A session that was learned right after an end is ahead of the clock, and so is its revocation.
func TestRevokeSessionAheadOfTheClock(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		f := newFixture(t)
		for range 3 {
			f.learnAt(one, "ann")
			_, err := f.End(ctx, one, 0)
			f.ok(err)
		}
		session := f.learnAt(one, "ann")
		if !recorded {
			_, err := f.memory.Delete(ctx, one)
			f.ok(err)
		}
		f.ok(f.RevokeSession(ctx, one))
		lifted, err := f.LiftSession(ctx, one)
		f.ok(err)
		f.expectDead(session, Ended)
		if again := f.learnAt(one, "ann"); !lifted || again.AuthTime <= session.AuthTime {
			t.Errorf("recorded %v: %d after %d", recorded, again.AuthTime, session.AuthTime)
		}
	}
}

func TestRevokeSessionWithFailingStorage(t *testing.T) {
	for name, fail := range map[string]func(f *fixture, failing bool){
		"look-up": func(f *fixture, failing bool) { f.memory.fail(failing, "Get") },
		"list":    func(f *fixture, failing bool) { f.memory.fail(failing, "List") },
		"journal": func(f *fixture, failing bool) { f.memory.journal.Fail(failing) },
	} {
		f := newFixture(t)
		session := f.learnAt(one, "ann")
		fail(f, true)
		err := f.RevokeSession(ctx, one)
		if !errors.Is(err, sessions.ErrUnavailable) && !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("%s fails: %v", name, err)
		}
		fail(f, false)
		f.expectUser(one, "ann")
		f.expectDead(session, 0)
		f.learnAt(two, "ann")
		f.crash()
		f.expectUser(one, "ann")
		f.ok(f.RevokeSession(ctx, one))
		f.expectRefused(one, "ann")
	}
}

func TestLiftSession(t *testing.T) {
	f := newFixture(t)
	old := f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.expectRefused(two, "ann")
	f.memory.journal.Fail(true)
	if lifted, err := f.LiftSession(ctx, one); lifted || !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("LiftSession: %v, %v", lifted, err)
	}
	f.expectRefused(one, "ann")
	f.memory.journal.Fail(false)
	if lifted, err := f.LiftSession(ctx, one); !lifted || err != nil {
		t.Fatalf("LiftSession: %v, %v", lifted, err)
	}
	for range 2 {
		f.expectDead(old, Ended)
		f.learnAt(one, "ann")
		f.learnAt(two, "ann") // nobody is watched any more
		f.learnAt(three, "ann")
		f.expectDead(old, Ended)
		f.crash()
	}
	if lifted, err := f.LiftSession(ctx, one); lifted || err != nil {
		t.Errorf("LiftSession again: %v, %v", lifted, err)
	}
}

func TestLiftOneOfTwoSessions(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.learnAt(two, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.ok(f.RevokeSession(ctx, two))
	_, err := f.LiftSession(ctx, one)
	f.ok(err)
	f.crash()
	f.learnAt(one, "ann")
	f.expectRefused(two, "ann")
	f.expectRefused(three, "ann") // still watched
	_, err = f.LiftSession(ctx, two)
	f.ok(err)
	f.learnAt(three, "ann")
}

// Lifting the revocation of a session does not lift that of its user.
func TestLiftSessionOfRevokedUser(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.RevokeSession(ctx, one))
	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	_, err := f.LiftSession(ctx, one)
	f.ok(err)
	f.expectRefused(one, "ann")
}
