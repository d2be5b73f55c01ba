package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// follow lets the application give the session another id, in its answer to a request that the record decided.
func (f *fixture) follow(session sessions.Session, to sessions.Key) (sessions.Session, error) {
	return f.Follow(ctx, step(session, to, false))
}

func step(session sessions.Session, to sessions.Key, byToken bool) Step {
	step := Step{From: session.Key, To: to.Hash, Lineage: lineageOf(session), Replaced: tokenLife, Idle: lives.Idle}
	if byToken {
		step.Token = session.Confirmed.Add(tokenLife)
	}
	return step
}

func (f *fixture) followed(session sessions.Session, to sessions.Key) sessions.Session {
	f.t.Helper()
	moved, err := f.follow(session, to)
	if err != nil {
		f.t.Fatalf("Follow: %v", err)
	}
	return moved
}

func (f *fixture) isAlive(session sessions.Session) bool {
	dead, _ := f.TokenDead(SubjectsOf("jti", session.Key, session.User), session.AuthTime)
	return !dead
}

func (f *fixture) isActive(key sessions.Key) bool {
	_, active, _ := f.Active(ctx, key)
	return active
}

func TestFollowMovesNoDeadline(t *testing.T) {
	f := newFixture(t)
	first := f.learnAt(one, "ann")
	f.advance(20 * time.Second)
	second := f.followed(first, two)
	want := first
	want.Key, want.Rolling = two, true
	if !equal(second, want) {
		t.Errorf("%+v became %+v", first, second)
	}
	if kept, active, _ := f.Active(ctx, two); !active || !equal(kept, want) {
		t.Errorf("kept %+v, active %v", kept, active)
	}
	old, active, _ := f.Active(ctx, one)
	if !active || !old.Rolling || !old.Expires.Equal(f.clock().Add(tokenLife)) {
		t.Errorf("the old id: %+v, active %v", old, active)
	}
	f.advance(tokenLife)
	if f.isActive(one) || !f.isActive(two) {
		t.Error("the old id counts for too long, or the new one not long enough")
	}
}

// Two answers in flight each bring another id; the browser keeps one of them, and may use the old one meanwhile.
func TestFollowTwice(t *testing.T) {
	f := newFixture(t)
	session := f.learnAt(one, "ann")
	left, right := f.followed(session, two), f.followed(session, three)
	if left.AuthTime != session.AuthTime || right.AuthTime != session.AuthTime || !f.isActive(one) {
		t.Errorf("%+v and %+v", left, right)
	}
	if page, err := f.List(ctx, sessions.Query{Realm: "shop", User: "ann", Limit: 9}); err != nil || len(page.Sessions) != 3 {
		t.Errorf("%d ids are listed, %v", len(page.Sessions), err)
	}
	if again := f.followed(left, one); !equal(again, sessions.Session{
		Key: one, User: "ann", Source: sessions.Learned, AuthTime: start.Unix(), Seen: start, Confirmed: start,
		Ends: start.Add(lives.MaxAge), Expires: start.Add(lives.Idle), Rolling: true,
	}) {
		t.Errorf("back to an id from before: %+v", again)
	}
}

// Whatever ends a session, or revokes it, does so under all its ids, and what is in flight brings no new one.
func TestEndsReachEveryID(t *testing.T) {
	ends := map[string]func(*fixture, sessions.Session) error{
		"end of the first": func(f *fixture, s sessions.Session) error { _, err := f.End(ctx, one, 0); return err },
		"end of the last":  func(f *fixture, s sessions.Session) error { _, err := f.End(ctx, three, 0); return err },
		"end by a token": func(f *fixture, s sessions.Session) error {
			_, err := f.EndRolling(ctx, sessions.Key{Realm: "shop", Hash: sessions.HashOf("never stored")}, lineageOf(s), lives.Idle)
			return err
		},
		"nobody":  func(f *fixture, s sessions.Session) error { return f.Ask(three).Nobody(ctx, 0) },
		"another": func(f *fixture, s sessions.Session) error { _, err := f.named(two, "bob"); return err },
		"added": func(f *fixture, s sessions.Session) error {
			_, err := f.Add(ctx, two, Identity{User: "ann"}, lives)
			return errors.Join(err, func() error { _, err := f.End(ctx, two, 0); return err }())
		},
		"killed":                  func(f *fixture, s sessions.Session) error { return f.KillTokens(ctx, three, 0) },
		"revoked by the first id": func(f *fixture, s sessions.Session) error { return f.RevokeSession(ctx, one) },
		"revoked by the last id":  func(f *fixture, s sessions.Session) error { return f.RevokeSession(ctx, three) },
		"user revoked":            func(f *fixture, s sessions.Session) error { return f.RevokeUser(ctx, "shop", "ann") },
		"flushed":                 func(f *fixture, s sessions.Session) error { return f.Flush(ctx, "shop") },
	}
	for name, end := range ends {
		for _, late := range []time.Duration{0, 2 * tokenLife} { // by then the records of replaced ids are gone
			t.Run(name+" after "+late.String(), func(t *testing.T) {
				f := newFixture(t)
				session := f.learnAt(one, "ann")
				second := f.followed(session, two)
				third := f.followed(second, three)
				fresh := sessions.Key{Realm: "shop", Hash: sessions.HashOf("fresh")}
				f.advance(late)
				f.ok(end(f, session))
				for range 2 {
					for _, id := range []sessions.Session{session, second, third} {
						if f.isAlive(id) || f.MayMintFor(id) && name != "user revoked" {
							t.Error("a token is alive, or may be minted, under one of its ids")
						}
						if found, active, _ := f.Active(ctx, id.Key); active && found.User == "ann" && found.AuthTime == session.AuthTime {
							t.Error("the session is active under one of its ids")
						}
						for _, byToken := range []bool{false, true} {
							if _, err := f.Follow(ctx, step(id, fresh, byToken)); !errors.Is(err, ErrNotFollowed) {
								t.Errorf("in flight: %v", err)
							}
						}
					}
					f.crash() // and so it is after a crash
				}
				if f.isActive(fresh) {
					t.Error("an answer in flight brought it back")
				}
			})
		}
	}
}

// The records of a session's other ids are not deleted when it ends, so the end must outlast them.
func TestEndOutlastsRecordsOfOtherIDs(t *testing.T) {
	f := newFixture(t)
	session := f.learnAt(one, "ann")
	second := f.followed(session, two)
	f.followed(session, three)
	_, err := f.End(ctx, two, second.AuthTime)
	f.ok(err)
	for range 40 {
		f.advance(time.Minute)
		f.sweep(ctx)
		if f.isActive(three) {
			t.Fatalf("active again after %v", f.clock().Sub(start))
		}
	}
}

// A user who signs in again within the second of his end is not taken for the one who ended.
func TestNewSessionIsOfNoLineageThatEnded(t *testing.T) {
	f := newFixture(t)
	first := f.learnAt(one, "ann")
	f.followed(first, two)
	_, err := f.End(ctx, two, 0)
	f.ok(err)
	again := f.learnAt(three, "ann")
	if !f.isAlive(again) || !f.isActive(three) || again.AuthTime <= first.AuthTime {
		t.Errorf("the new session is dead: auth_time %d after %d", again.AuthTime, first.AuthTime)
	}
	f.ok(f.RevokeUser(ctx, "shop", "ann")) // its auth_time is ahead of the clock
	if f.isAlive(again) {
		t.Error("a revocation missed it")
	}
	f.ok(f.Flush(ctx, "shop"))
}

// The identity goes to no id that is known otherwise.
func TestNotFollowed(t *testing.T) {
	for name, arrange := range map[string]func(*fixture){
		"another user's":        func(f *fixture) { f.learnAt(two, "bob") },
		"another session's":     func(f *fixture) { f.advance(time.Second); f.learnAt(two, "ann") },
		"nobody's":              func(f *fixture) { f.ok(f.Ask(two).Nobody(ctx, time.Minute)) },
		"revoked":               func(f *fixture) { f.ok(f.RevokeSession(ctx, two)) },
		"ended":                 func(f *fixture) { f.learnAt(two, "bob"); _, err := f.End(ctx, two, 0); f.ok(err) },
		"the old one has ended": func(f *fixture) { _, err := f.End(ctx, one, 0); f.ok(err) },
		"the old one is bob's":  func(f *fixture) { _, err := f.named(one, "bob"); f.ok(err) },
		"the old one expired":   func(f *fixture) { f.advance(lives.Idle) },
		"the old one was learned anew": func(f *fixture) {
			f.advance(lives.Idle)
			f.learnAt(one, "ann")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			session := f.learnAt(one, "ann")
			arrange(f)
			before, there := f.memory.record(two)
			if _, err := f.follow(session, two); !errors.Is(err, ErrNotFollowed) {
				t.Fatalf("Follow: %v", err)
			}
			if after, still := f.memory.record(two); still != there || !equal(before, after) {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
}

// A token proves a session that this gateway has no record of: the identity goes on by token, and nothing is written.
func TestFollowByTokenAlone(t *testing.T) {
	f := newFixture(t)
	session := sessions.Session{Key: one, User: "ann", AuthTime: start.Unix(), Confirmed: start}
	moved, err := f.Follow(ctx, step(session, two, true))
	if err != nil || moved.User != "" || f.memory.writeCount() != 0 {
		t.Fatalf("%+v, %v, %d writes", moved, err, f.memory.writeCount())
	}
	late := step(session, three, true)
	late.Token = start
	if _, err := f.Follow(ctx, late); !errors.Is(err, ErrNotFollowed) {
		t.Errorf("a token that has expired meanwhile: %v", err)
	}
	f.ok(f.RevokeSession(ctx, one))
	if f.isAlive(sessions.Session{Key: two, User: "ann", AuthTime: start.Unix()}) {
		t.Error("the revocation of the old id missed the new one")
	}
	if _, err := f.named(two, "ann"); !errors.Is(err, ErrRevoked) {
		t.Errorf("the application brings it back: %v", err)
	}
}

// A failing storage moves nothing on that could not be ended.
func TestFollowWithFailingStore(t *testing.T) {
	for _, method := range []string{"Get", "Update", "Put"} {
		f := newFixture(t)
		session := f.learnAt(one, "ann")
		f.memory.fail(true, method)
		if _, err := f.follow(session, two); !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("%s fails: %v", method, err)
		}
		f.memory.fail(false, method)
		if f.isActive(two) {
			t.Errorf("%s fails: followed all the same", method)
		}
		_, err := f.EndRolling(ctx, one, lineageOf(session), lives.Idle)
		f.ok(err)
		if f.isAlive(session) {
			t.Error("alive")
		}
	}
}

// What was admitted while its user was watched does not count once the session is revoked under another of its ids.
func TestRevocationTakesAdmissionBack(t *testing.T) {
	f := newFixture(t)
	f.learnAt(three, "ann")
	f.ok(f.RevokeSession(ctx, three)) // ann is watched
	f.SawSet(one, f.Moment())
	session := f.learnAt(one, "ann")
	second := f.followed(session, two)
	before := f.blacklist.Count(blacklist.KindAdmitted)
	f.ok(f.RevokeSession(ctx, second.Key))
	if f.blacklist.Count(blacklist.KindAdmitted) != before {
		t.Error("another id of the revoked session is admitted")
	}
	f.advance(2 * time.Minute)
	for _, key := range []sessions.Key{one, two} {
		if _, err := f.named(key, "ann"); !errors.Is(err, ErrRevoked) {
			t.Errorf("%v", err)
		}
	}
}

// A session of a watched user that counts does so under its new ids, also when the records are gone.
func TestAdmissionFollows(t *testing.T) {
	f := newFixture(t)
	f.learnAt(three, "ann")
	f.ok(f.RevokeSession(ctx, three)) // ann is watched
	f.SawSet(one, f.Moment())
	f.followed(f.learnAt(one, "ann"), two)
	f.crash() // nothing is remembered but what is durable
	f.advance(lives.Idle)
	if _, err := f.named(two, "ann"); err != nil {
		t.Errorf("it does not count any more: %v", err)
	}
}

// A token that came under an id from before the end brings the session to no new id, though its own id was not ended.
func TestFollowByTokenAfterTheEndOfAnotherID(t *testing.T) {
	f := newFixture(t)
	session := sessions.Session{Key: one, User: "ann", AuthTime: start.Unix(), Confirmed: start}
	_, err := f.Follow(ctx, step(session, two, true))
	f.ok(err)
	_, err = f.EndRolling(ctx, two, lineageOf(session), lives.Idle)
	f.ok(err)
	if _, err := f.Follow(ctx, step(session, three, true)); !errors.Is(err, ErrNotFollowed) {
		t.Errorf("Follow: %v", err)
	}
}

// What the application said in an answer counts unless the session ended after the request began.
func TestAskSince(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	began := f.clock()
	f.advance(time.Second)
	_, err := f.End(ctx, one, 0)
	f.ok(err)
	if _, err := f.AskSince(one, began).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before the end: %v", err)
	}
	f.advance(time.Second)
	if _, err := f.AskSince(one, f.clock()).Identified(ctx, Identity{User: "ann"}, lives); err != nil {
		t.Errorf("an answer from after the end: %v", err)
	}
	began = f.clock()
	f.ok(f.Flush(ctx, "shop"))
	if _, err := f.AskSince(two, began).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer from before the flush: %v", err)
	}
	q := f.AskSince(three, f.clock().Add(2*time.Second))
	_, err = f.End(ctx, three, 0)
	f.ok(err)
	if _, err := q.Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("an answer that was overtaken: %v", err)
	}
}

// A session that was flushed is over. Its end, once more, does not touch a session that its user began in the same second
// since.
func TestEndOfAFlushedSessionLeavesALaterOneAlone(t *testing.T) {
	f := newFixture(t)
	first, second, later := keyOf("first"), keyOf("second"), keyOf("later")
	session := f.learnAt(first, "bob")
	if _, err := f.Follow(ctx, step(session, second, false)); err != nil {
		t.Fatal(err)
	}
	f.advance(time.Second)
	if err := f.KillTokens(ctx, first, 0); err != nil { // from now on the session is of the next second
		t.Fatal(err)
	}
	if err := f.Flush(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	f.learnAt(later, "bob") // after the flush, so of the next second too
	if _, err := f.End(ctx, first, 0); err != nil {
		t.Fatal(err)
	}
	if _, active, err := f.Active(ctx, later); !active || err != nil {
		t.Errorf("the later session: active %v, %v", active, err)
	}
	for _, key := range []sessions.Key{first, second} {
		if _, active, _ := f.Active(ctx, key); active {
			t.Error("a flushed session is active")
		}
	}
}
