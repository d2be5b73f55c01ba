package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

var (
	second = sessions.Key{Realm: "shop", Hash: sessions.HashOf("two")}
	third  = sessions.Key{Realm: "shop", Hash: sessions.HashOf("three")}
)

// deed is what the other gateway does about the session of ann.
type deed struct {
	do   func(*side) error
	want error // what the answer gets that was in flight meanwhile
}

func deeds() map[string]deed {
	attributes := func(s *side) error {
		_, err := s.RevokeAttribute(ctx, "shop", "mail", "ann@example.org", false)
		return err
	}
	return map[string]deed{
		"end":                    {func(s *side) error { _, err := s.End(ctx, shop, s.time.Now().Unix()); return err }, ErrOvertaken},
		"revoke session":         {func(s *side) error { return s.RevokeSession(ctx, shop) }, ErrRevoked},
		"revoke user":            {func(s *side) error { return s.RevokeUser(ctx, "shop", "ann") }, ErrRevoked},
		"revoke user everywhere": {func(s *side) error { return s.RevokeUserEverywhere(ctx, "ann") }, ErrRevoked},
		"revoke attribute":       {attributes, ErrRevoked},
		"flush":                  {func(s *side) error { return s.Flush(ctx, "shop") }, ErrOvertaken},
		"flush all":              {func(s *side) error { return s.FlushAll(ctx) }, ErrOvertaken},
		"kill tokens":            {func(s *side) error { return s.KillTokens(ctx, shop, 0) }, ErrOvertaken},
	}
}

var annsMail = Identity{User: "ann", Attributes: sessions.Attributes{"mail": sessions.Text("ann@example.org")}}

// An answer that is in flight on one gateway is void or refused once the other one has acted, whether this one has heard of
// that or not, and whether the session was known before or not.
func TestAnswerInFlightElsewhere(t *testing.T) {
	type circumstances struct {
		deed
		known, heard bool
	}
	cases := make(map[string]circumstances)
	for name, d := range deeds() {
		for suffix, c := range map[string]circumstances{
			"": {}, ", heard": {heard: true}, ", known": {known: true}, ", known and heard": {known: true, heard: true},
		} {
			c.deed = d
			cases[name+suffix] = c
		}
	}
	eachCase(t, cases, func(t *testing.T, a, b *side, c circumstances) {
		if c.known {
			if _, err := b.Ask(shop).Identified(ctx, annsMail, lives); err != nil {
				t.Fatal(err)
			}
		}
		question := a.Ask(shop)
		if !c.heard {
			a.place.hold()
		}
		if err := c.do(b); err != nil {
			t.Fatal(err)
		}
		if c.heard {
			a.catchUp()
		}
		session, err := question.Identified(ctx, annsMail, lives)
		if !errors.Is(err, c.want) {
			t.Errorf("the answer counts: %+v, %v; want %v", session, err, c.want)
		}
		if counts, _ := a.Count(ctx); counts.Questions != 0 {
			t.Errorf("%d questions are still in flight", counts.Questions)
		}
	})
}

// What a gateway hears of while it writes an answer counts like what it heard of before: the place refuses only what it has not
// heard of.
func TestHeardWhileAnswering(t *testing.T) {
	eachCase(t, deeds(), func(t *testing.T, a, b *side, d deed) {
		question := b.Ask(shop) // its clock is ahead, so that no second of the other one reaches its sessions
		b.place.once(t, "Put", func() {
			if err := d.do(a); err != nil {
				t.Error(err)
			}
			b.catchUp()
		})
		if session, err := question.Identified(ctx, annsMail, lives); !errors.Is(err, d.want) {
			t.Errorf("the answer counts: %+v, %v; want %v", session, err, d.want)
		}
		if _, active, _ := b.Active(ctx, shop); active {
			t.Error("the session is active")
		}
	})
}

// An answer "nobody" that is in flight ends no session that began on another gateway meanwhile.
func TestNobodyInFlightElsewhere(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		b.learn(shop, "ann")
		question := a.Ask(shop)
		added := a.AskUnlessAdded(second)
		a.place.hold()
		if _, err := b.End(ctx, shop, 0); err != nil {
			t.Fatal(err)
		}
		b.learn(shop, "ann")
		if _, err := b.Add(ctx, second, Identity{User: "ann"}, lives); err != nil {
			t.Fatal(err)
		}
		if err := question.Nobody(ctx, time.Second); !errors.Is(err, ErrOvertaken) {
			t.Errorf("an answer from before the end: %v", err)
		}
		if err := added.Nobody(ctx, time.Second); !errors.Is(err, ErrOvertaken) {
			t.Errorf("an answer from before the session was added: %v", err)
		}
		b.expect(shop, "ann")
		b.expect(second, "ann")
	})
}

// What one gateway does to a session holds on the other one within a moment, for tokens and records, however the clocks differ.
func TestDeedsReachOthers(t *testing.T) {
	eachCase(t, deeds(), func(t *testing.T, a, b *side, d deed) {
		session, err := b.Ask(shop).Identified(ctx, annsMail, lives) // b's clock is ahead
		if err != nil {
			t.Fatal(err)
		}
		if err := d.do(a); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*side{a, b} {
			if s.catchUp(); !s.isDead(session) {
				t.Error("the token is alive")
			}
		}
		if now, active, _ := b.Active(ctx, shop); active && now.AuthTime <= session.AuthTime {
			t.Error("the session goes on as before")
		}
	})
}

// Both gateways know of the same lift, though one of them refused somebody and prolonged the revocation meanwhile.
func TestLiftWhileOtherExtends(t *testing.T) {
	lifts := map[string]bool{"before the extension is written": false, "after it is written": true}
	eachCase(t, lifts, func(t *testing.T, a, b *side, written bool) {
		session := a.learn(shop, "ann")
		a.ok(a.RevokeUser(ctx, "shop", "ann"))
		b.catchUp()
		for _, s := range []*side{a, b} {
			s.time.Advance(8 * 24 * time.Hour)
		}
		b.place.hold()
		lift := func() {
			if lifted, err := a.LiftUser(ctx, "shop", "ann"); err != nil || !lifted {
				t.Errorf("lifting: %v, %v", lifted, err)
			}
		}
		if !b.blacklist.prolong(time.Time{}, blacklist.RevokedUser("shop", "ann")) {
			t.Fatal("nothing was prolonged")
		}
		if written {
			b.ok(b.blacklist.Retry(ctx))
			lift()
		} else {
			lift()
			b.ok(b.blacklist.Retry(ctx))
		}
		for _, s := range []*side{a, b} {
			if s.catchUp(); s.IsUserRevoked("shop", "ann") || s.isDead(session) || s.blacklist.PendingLen() != 0 {
				t.Error("the revocation is in force")
			}
			s.ok(s.blacklist.Retry(ctx))
		}
		b.close()
		b.open()
		if b.catchUp(); b.IsUserRevoked("shop", "ann") {
			t.Error("the revocation came back with a restart")
		}
	})
}

// Who signs in on one gateway after his revocation is let in on the other one with the next request, and nobody else is.
func TestSignInElsewhere(t *testing.T) {
	revocations := map[string]func(*side) error{
		"of the user":    func(s *side) error { return s.RevokeUser(ctx, "shop", "ann") },
		"of his session": func(s *side) error { return s.RevokeSession(ctx, shop) },
	}
	eachCase(t, revocations, func(t *testing.T, a, b *side, revoke func(*side) error) {
		a.learn(shop, "ann")
		before := a.Moment()
		b.ok(revoke(b))
		a.catchUp()
		b.place.hold()
		a.SawSet(second, a.Moment())
		a.SawSet(third, before)
		if !b.WasSetSince(ctx, second) {
			t.Error("what the other gateway saw set is not known")
		}
		if b.WasSetSince(ctx, third) {
			t.Error("what was set before the revocation counts")
		}
		b.learn(second, "ann")
		if _, err := b.Ask(third).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
			t.Errorf("an id that was set before: %v", err)
		}
	})
}

// As before, but the request is the first thing that the other gateway hears of.
func TestSignInElsewhereIsAskedFor(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		b.ok(b.RevokeUser(ctx, "shop", "ann"))
		a.catchUp()
		b.place.hold()
		a.SawSet(second, a.Moment())
		b.learn(second, "ann")
	})
}

// Who signs in right after a revocation is not refused for want of a moment.
func TestSignInRightAfterRevocation(t *testing.T) {
	eachPair(t, func(t *testing.T, a, _ *side) {
		a.ok(a.RevokeUser(ctx, "shop", "ann"))
		a.SawSet(second, a.Moment())
		a.learn(second, "ann")
	})
}

// The application knows the user again under the id that was refused.
func TestSetIDIsNoLongerRefusedElsewhere(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		a.ok(a.RevokeUser(ctx, "shop", "ann"))
		b.catchUp()
		if _, err := b.Ask(second).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) || !b.Revoked(second) {
			t.Fatalf("not refused: %v", err)
		}
		a.SawSet(second, a.Moment())
		if b.catchUp(); b.Revoked(second) {
			t.Error("the id is refused as before")
		}
		b.learn(second, "ann")
	})
}

func TestNobodyAcrossGateways(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		a.ok(a.Ask(shop).Nobody(ctx, time.Minute))
		if !b.IsNobody(ctx, shop) || b.IsNobody(ctx, second) {
			t.Error("the other gateway does not know of it")
		}
		inFlight := a.Ask(shop)
		b.Forget(shop)
		if a.IsNobody(ctx, shop) {
			t.Error("nobody is remembered after somebody may have signed in elsewhere")
		}
		if a.ok(inFlight.Nobody(ctx, time.Minute)); a.IsNobody(ctx, shop) || b.IsNobody(ctx, shop) {
			t.Error("an answer from before is remembered")
		}
		a.ok(a.Ask(second).Nobody(ctx, time.Minute))
		b.ok(b.Flush(ctx, "shop"))
		if a.catchUp(); a.IsNobody(ctx, second) || b.IsNobody(ctx, second) {
			t.Error("nobody is remembered from before a flush")
		}
		a.ok(a.Ask(third).Nobody(ctx, time.Minute))
		if !b.IsNobody(ctx, third) {
			t.Error("nobody is remembered after a flush")
		}
		if _, err := b.End(ctx, third, b.time.Now().Unix()); err != nil || a.IsNobody(ctx, third) {
			t.Errorf("nobody is remembered after an end: %v", err)
		}
	})
}

func TestMintClaimsAcrossGateways(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		claim := func(s *side, key sessions.Key, arrived MintMark) *MintClaim { return s.ClaimMint(ctx, key, arrived) }
		first := claim(a, shop, a.MintMark())
		if !first.Holds() {
			t.Fatal("the first claim failed")
		}
		again := claim(b, shop, b.MintMark())
		if again.Holds() {
			t.Error("claimed on both")
		}
		again.Release()
		if claim(b, shop, b.MintMark()).Holds() {
			t.Error("released by one who did not hold it")
		}
		other := claim(b, second, b.MintMark())
		if !other.Holds() {
			t.Error("another session's claim failed")
		}
		other.Release()

		// Each gateway gives one token to the requests that came to it at once, and not while the other mints.
		arrivedA, arrivedB := a.MintMark(), b.MintMark()
		first.Minted(a.time.Now())
		first.Release()
		if late := claim(a, shop, arrivedA); late.Holds() {
			t.Error("a second token on the same gateway")
		}
		on := claim(b, shop, arrivedB)
		if !on.Holds() {
			t.Error("a released claim is held")
		}
		if late := claim(a, shop, a.MintMark()); late.Holds() {
			t.Error("claimed on both, after a mint")
		}
		on.Minted(b.time.Now())
		on.Release()
		if late := claim(b, shop, arrivedB); late.Holds() {
			t.Error("a second token on the other gateway")
		}
	})
}

func stepTo(session sessions.Session, to sessions.Key) Step {
	return Step{
		From: session.Key, To: to.Hash, Lineage: lineageOf(session), Replaced: time.Minute, Idle: lives.Idle,
	}
}

// The session ends under all its ids, whichever part of the change of its id another gateway steps in between, and whichever
// part of the end.
func TestFollowWhileOtherEnds(t *testing.T) {
	ends := map[string]func(*side, sessions.Session) error{
		"end": func(s *side, _ sessions.Session) error { _, err := s.End(ctx, shop, 0); return err },
		"end rolling": func(s *side, of sessions.Session) error {
			_, err := s.EndRolling(ctx, shop, lineageOf(of), lives.Idle)
			return err
		},
		"revoke session": func(s *side, _ sessions.Session) error { return s.RevokeSession(ctx, shop) },
		"revoke user":    func(s *side, _ sessions.Session) error { return s.RevokeUser(ctx, "shop", "ann") },
		"kill tokens":    func(s *side, _ sessions.Session) error { return s.KillTokens(ctx, shop, 0) },
	}
	type circumstances struct {
		end  func(*side, sessions.Session) error
		at   string
		ofB  bool // the change of the id steps in between the end
		rows int
	}
	cases := make(map[string]circumstances)
	for name, end := range ends {
		for _, rolls := range []string{"", ", rolled before"} {
			rows := len(rolls)
			cases[name+" before the new record"+rolls] = circumstances{end, "Put", false, rows}
			cases[name+" with the change before its write"+rolls] = circumstances{end, "Write", true, rows}
		}
		cases[name+" before the old record"] = circumstances{end, "Update", false, 0}
	}
	cases["kill tokens with the change before its record"] = circumstances{ends["kill tokens"], "Put", true, 0}
	eachCase(t, cases, func(t *testing.T, a, b *side, c circumstances) {
		session := a.learn(shop, "ann")
		if c.rows > 0 {
			if _, err := a.Follow(ctx, stepTo(session, third)); err != nil {
				t.Fatal(err)
			}
		}
		b.catchUp()
		var err error
		if c.ofB {
			b.place.once(t, c.at, func() { _, err = a.Follow(ctx, stepTo(session, second)) })
			b.ok(c.end(b, session))
		} else {
			a.place.once(t, c.at, func() { b.ok(c.end(b, session)) })
			_, err = a.Follow(ctx, stepTo(session, second))
		}
		if err != nil && !errors.Is(err, ErrNotFollowed) {
			t.Errorf("following: %v", err)
		}
		for _, s := range []*side{a, b} {
			s.catchUp()
			for _, key := range []sessions.Key{shop, second, third} {
				now, active, _ := s.Active(ctx, key)
				if active && now.AuthTime <= session.AuthTime {
					t.Errorf("the session goes on under %v (followed: %v)", key, err)
				}
			}
			moved := session
			if moved.Key = second; err == nil && !s.isDead(moved) {
				t.Error("a token under the new id is alive")
			}
		}
	})
}

// As before, with the end in the middle of the change of the id, and the change in the middle of the end.
func TestFollowAndEndAtTheSameTime(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		session := a.learn(shop, "ann")
		between, ended, followed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		writes := 0
		a.place.before = func(method string) {
			if writes++; writes == 2 {
				close(between)
				<-ended
			}
		}
		b.place.once(t, "Write", func() {
			go func() {
				_, err := a.Follow(ctx, stepTo(session, second))
				followed <- err
			}()
			<-between
		})
		if _, err := b.End(ctx, shop, 0); err != nil {
			t.Fatal(err)
		}
		close(ended)
		if err := <-followed; !errors.Is(err, ErrNotFollowed) {
			t.Errorf("following: %v", err)
		}
		for _, s := range []*side{a, b} {
			s.expect(shop, "")
			s.expect(second, "")
		}
	})
}

// A session that another gateway renews while it is ended has ended.
func TestEndWhileOtherRenews(t *testing.T) {
	renewals := map[string]func(*side) error{
		"kill":  func(s *side) error { return s.KillTokens(ctx, shop, 0) },
		"add":   func(s *side) error { _, err := s.Add(ctx, shop, Identity{User: "ann"}, lives); return err },
		"touch": func(s *side) error { _, err := s.Ask(shop).Identified(ctx, Identity{User: "ann"}, lives); return err },
	}
	eachCase(t, renewals, func(t *testing.T, a, b *side, renew func(*side) error) {
		a.learn(shop, "ann")
		var renewed sessions.Session
		a.place.once(t, "Write", func() {
			b.ok(renew(b))
			var err error
			renewed, _, err = b.Active(ctx, shop)
			b.ok(err)
		})
		if ended, err := a.End(ctx, shop, 0); err != nil || !ended {
			t.Fatalf("End: %v, %v", ended, err)
		}
		a.expect(shop, "")
		b.expect(shop, "")
		if renewed.User == "" || !b.isDead(renewed) || !a.isDead(renewed) {
			t.Errorf("a token of the renewed session is alive: %+v", renewed)
		}
	})
}

// While one gateway revokes a session, another one may write a record of it.
func TestRevokeSessionWhileOtherLearns(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		var learned sessions.Session
		a.place.once(t, "Write", func() { learned = b.learn(shop, "ann") })
		a.ok(a.RevokeSession(ctx, shop))
		b.catchUp()
		if _, _, err := b.Active(ctx, shop); !errors.Is(err, ErrRevoked) {
			t.Errorf("the session is not revoked: %v", err)
		}
		if _, err := b.Ask(second).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
			t.Errorf("its user is not watched: %v", err)
		}
		if lifted, err := a.LiftSession(ctx, shop); err != nil || !lifted {
			t.Fatalf("lifting: %v, %v", lifted, err)
		}
		if b.catchUp(); !b.isDead(learned) {
			t.Error("its token came back with the lift")
		}
	})
}

// A user stays watched while one of his sessions is revoked, though another gateway lifts the revocation of another one.
func TestLiftSessionWhileOtherRevokesAnother(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		a.learn(shop, "ann")
		a.learn(second, "ann")
		a.ok(a.RevokeSession(ctx, shop))
		a.place.once(t, "Lift", func() { b.ok(b.RevokeSession(ctx, second)) })
		if lifted, err := a.LiftSession(ctx, shop); err != nil || !lifted {
			t.Fatalf("lifting: %v, %v", lifted, err)
		}
		for _, s := range []*side{a, b} {
			s.catchUp()
			if _, err := s.Ask(third).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
				t.Errorf("the user is not watched: %v", err)
			}
		}
	})
}

// A lift on a gateway that has not heard of the revocation yet lifts it all the same.
func TestLiftWhatWasNotHeardOf(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		a.learn(shop, "ann")
		b.place.hold()
		a.ok(a.RevokeSession(ctx, shop))
		if lifted, err := b.LiftSession(ctx, shop); err != nil || !lifted {
			t.Fatalf("lifting: %v, %v", lifted, err)
		}
		a.catchUp()
		for _, s := range []*side{a, b} {
			if s.Revoked(shop) || s.blacklist.Contains(blacklist.WatchedUser("shop", "ann")) {
				t.Error("the revocation is in force")
			}
		}
		b.learn(shop, "ann")
	})
}

// An open stream is told of what another gateway does.
func TestWatchHearsOthers(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		session := a.learn(shop, "ann")
		over := make(chan struct{})
		watch := a.Watch(SubjectsOf("jti", shop, "ann"), session.AuthTime, func() { close(over) })
		defer watch.Stop()
		if _, err := b.End(ctx, shop, 0); err != nil {
			t.Fatal(err)
		}
		select {
		case <-over:
		case <-time.After(5 * time.Second):
			t.Error("the stream goes on")
		}
	})
}

// A session that is added again on a gateway whose clock is behind has no earlier auth_time than before: what ends it ends the
// tokens from before, too.
func TestAddAgainBehindTheClock(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		before := b.learn(shop, "ann")
		if _, err := a.Add(ctx, shop, Identity{User: "ann"}, lives); err != nil {
			t.Fatal(err)
		}
		if a.ok(a.KillTokens(ctx, shop, 0)); !a.isDead(before) {
			t.Error("a token from before is alive")
		}
	})
}

// Two revocations of a user by gateways that have not heard of each other are two, however short the time between them: a
// session that he began after the one, and before the other, is refused.
func TestSignInBetweenTwoRevocations(t *testing.T) {
	eachPair(t, func(t *testing.T, a, b *side) {
		a.place.hold()
		b.ok(b.RevokeUser(ctx, "shop", "ann"))
		b.catchUp()
		b.SawSet(shop, b.Moment()) // she signs in where the revocation is known
		a.ok(a.RevokeUser(ctx, "shop", "ann"))
		a.place.release()
		a.catchUp()
		b.catchUp()
		for name, gateway := range map[string]*side{"a": a, "b": b} {
			if _, err := gateway.Ask(shop).Identified(ctx, Identity{User: "ann"}, lives); !errors.Is(err, ErrRevoked) {
				t.Errorf("gateway %s: %v", name, err)
			}
		}
	})
}
