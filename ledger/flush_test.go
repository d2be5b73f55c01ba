package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestFlush(t *testing.T) {
	for name, flush := range map[string]func(f *fixture) error{
		"shop": func(f *fixture) error { return f.Flush(ctx, "shop") },
		"all":  func(f *fixture) error { return f.FlushAll(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			session, other := f.learnAt(one, "ann"), f.learnAt(forum, "ann")
			f.ok(f.Ask(three).Nobody(ctx, time.Minute))
			q, elsewhere := f.Ask(two), f.Ask(forum)
			f.ok(flush(f))
			if f.IsNobody(ctx, three) {
				t.Error("nobody is remembered")
			}
			if _, err := q.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
				t.Errorf("an answer from before: %v", err)
			}
			_, err := elsewhere.Identified(ctx, Identity{User: "ann"}, lives)
			if errors.Is(err, ErrOvertaken) != (name == "all") {
				t.Errorf("an answer from another realm: %v", err)
			}
			for range 2 {
				f.expectUser(one, "")
				f.expectDead(session, Ended)
				if name == "shop" {
					f.expectDead(other, 0)
					f.expectUser(forum, "ann")
				} else {
					f.expectDead(other, Ended)
					f.expectUser(forum, "")
				}
				if f.MayMint(one, session.AuthTime) || f.Revoked(one) {
					t.Error("a token may be minted, or somebody is refused")
				}
				f.crash()
			}
			if page, err := f.List(ctx, sessions.Query{Realm: "shop", Limit: 10}); err != nil || len(page.Sessions) != 0 {
				t.Errorf("List: %+v, %v", page, err)
			}
			again := f.learnAt(one, "ann") // in the same second
			f.expectUser(one, "ann")
			f.expectDead(session, Ended)
			f.expectDead(again, 0)
			f.ok(flush(f))
			f.expectDead(again, Ended)
		})
	}
}

func TestFlushAheadOfTheClock(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.learnAt(one, "ann")
		_, err := f.End(ctx, one, 0)
		f.ok(err)
	}
	f.ok(f.RevokeUser(ctx, "shop", "bob"))
	bob, err := f.Add(ctx, two, Identity{User: "bob"}, lives)
	f.ok(err)
	_, err = f.LiftUser(ctx, "shop", "bob")
	f.ok(err)
	ann := f.learnAt(one, "ann")
	f.ok(f.Flush(ctx, "shop"))
	for _, session := range []sessions.Session{ann, bob} {
		f.expectDead(session, Ended)
		f.expectUser(session.Key, "")
		f.advance(lives.Idle - time.Second) // the record is there for longer than any token lives
		f.expectUser(session.Key, "")
		f.advance(time.Second - lives.Idle)
	}
	if later := f.learnAt(three, "cid"); later.AuthTime > start.Unix()+5 {
		t.Errorf("the next session begins %d s ahead of the clock", later.AuthTime-start.Unix())
	}
}

func TestFlushWithFailingJournal(t *testing.T) {
	f := newFixture(t)
	session := f.learnAt(one, "ann")
	q := f.Ask(one)
	f.memory.journal.Fail(true)
	for _, err := range []error{f.Flush(ctx, "shop"), f.FlushAll(ctx)} {
		if !errors.Is(err, blacklist.ErrUnavailable) {
			t.Errorf("flushed: %v", err)
		}
	}
	f.expectDead(session, 0)
	f.answerAt(q, "ann")
}

func (f *fixture) answerAt(q *Question, user string) {
	f.t.Helper()
	_, err := q.Identified(ctx, Identity{User: user}, lives)
	f.ok(err)
}

// A record that was dropped and could not be written over stays dropped.
func TestDroppedRecordThatCantBeWrittenOver(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.ok(f.Flush(ctx, "shop"))
	f.memory.fail(true, "Put")
	if _, err := f.named(one, "ann"); !errors.Is(err, sessions.ErrUnavailable) {
		t.Fatalf("Identified: %v", err)
	}
	f.memory.fail(false, "Put")
	f.expectUser(one, "")
	if ended, err := f.End(ctx, one, 0); ended || err != nil {
		t.Errorf("End of what is over: %v, %v", ended, err)
	}
}

// A flush does not free anybody whom the operator said no to.
func TestFlushFreesNobody(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.learnAt(two, "bob")
	f.ok(f.RevokeSession(ctx, one))
	f.ok(f.RevokeUser(ctx, "shop", "bob"))
	f.ok(f.FlushAll(ctx))
	f.expectRefused(one, "ann")
	f.expectRefused(three, "ann")
	f.expectRefused(two, "bob")
}
