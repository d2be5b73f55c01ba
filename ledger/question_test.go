package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestIdentifiedLearns(t *testing.T) {
	f := newFixture(t)
	attributes := sessions.Attributes{"role": sessions.Text("admin")}
	session, err := f.Ask(shop).Identified(t.Context(), Identity{User: "ann", Attributes: attributes}, lives)
	if err != nil {
		t.Fatal(err)
	}
	attributes["role"] = sessions.Text("changed")
	want := sessions.Session{
		Key: shop, User: "ann", Source: sessions.Learned, AuthTime: start.Unix(), Seen: start, Confirmed: start,
		Ends: start.Add(lives.MaxAge), Expires: start.Add(lives.Idle),
	}
	kept, active := f.active()
	for name, got := range map[string]sessions.Session{"returned": session, "kept": kept} {
		if !got.Attributes["role"].Equal(sessions.Text("admin")) {
			t.Errorf("%s: attributes %v", name, got.Attributes)
		}
		got.Attributes = nil
		if !active || !equal(got, want) {
			t.Errorf("%s %+v, want %+v", name, got, want)
		}
	}
	if !f.MayMint(shop, session.AuthTime) {
		t.Error("no token may be minted")
	}
}

func equal(a, b sessions.Session) bool {
	return a.Key == b.Key && a.User == b.User && a.Source == b.Source && a.AuthTime == b.AuthTime &&
		a.Rolling == b.Rolling && a.Seen.Equal(b.Seen) &&
		a.Confirmed.Equal(b.Confirmed) && a.Ends.Equal(b.Ends) && a.Expires.Equal(b.Expires)
}

func TestIdentifiedConfirms(t *testing.T) {
	f := newFixture(t)
	with := func(name string) Identity {
		return Identity{User: "ann", Attributes: sessions.Attributes{name: sessions.Text("x")}}
	}
	first, err := f.Ask(shop).Identified(t.Context(), with("old"), lives)
	if err != nil {
		t.Fatal(err)
	}
	f.advance(10 * time.Minute)
	session, err := f.Ask(shop).Identified(t.Context(), with("new"), lives)
	if err != nil {
		t.Fatal(err)
	}
	want := first
	want.Seen, want.Confirmed, want.Expires = f.clock(), f.clock(), f.clock().Add(lives.Idle)
	kept, _ := f.active()
	if !equal(session, want) || !equal(kept, want) {
		t.Errorf("confirmed %+v, kept %+v, want %+v", session, kept, want)
	}
	if len(kept.Attributes) != 1 || !kept.Attributes["new"].Present() {
		t.Errorf("attributes %v", kept.Attributes)
	}
	f.expectToken(first.AuthTime, true)
}

func TestIdentifiedAfterMaxAgeLearnsAnew(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	for range 50 { // kept alive until its maximum age is reached
		f.advance(lives.Idle - time.Second)
		if session, active := f.active(); active {
			if err := f.Touch(t.Context(), session, lives.Idle); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.expectActive("")
	if session := f.learn("ann"); session.AuthTime != f.clock().Unix() || !session.Ends.Equal(f.clock().Add(lives.MaxAge)) {
		t.Errorf("learned %+v", session)
	}
}

// The record goes between the look-up and the confirmation, as it may where several gateways share a store.
func TestIdentifiedLearnsAnewWhatIsGone(t *testing.T) {
	f := newFixture(t)
	f.learn("ann")
	f.advance(time.Second)
	f.memory.before = func(method string) {
		if method == "Update" {
			f.memory.mu.Lock()
			defer f.memory.mu.Unlock()
			delete(f.memory.records, shop)
		}
	}
	if session := f.learn("ann"); session.AuthTime != f.clock().Unix() {
		t.Errorf("AuthTime %d", session.AuthTime-start.Unix())
	}
	f.expectActive("ann")
}

func TestIdentifiedAsAnother(t *testing.T) {
	f := newFixture(t)
	ann := f.learn("ann")
	other := f.Ask(shop)
	bob := f.learn("bob")
	if bob.AuthTime != ann.AuthTime+1 {
		t.Errorf("AuthTime is %d after %d", bob.AuthTime, ann.AuthTime)
	}
	f.expectActive("bob")
	f.expectToken(ann.AuthTime, false)
	f.expectToken(bob.AuthTime, true)
	if f.MayMint(shop, ann.AuthTime) || !f.MayMint(shop, bob.AuthTime) {
		t.Error("minting is for bob alone")
	}
	if _, err := other.Identified(t.Context(), Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("a question from before: %v", err)
	}
	f.crash()
	f.expectToken(ann.AuthTime, false)
	f.expectToken(bob.AuthTime, true)
}

func TestIdentifiedAsAnotherWithFailingJournal(t *testing.T) {
	f := newFixture(t)
	ann := f.learn("ann")
	f.memory.journal.Fail(true)
	bob := f.learn("bob")
	f.expectActive("bob")
	f.expectToken(ann.AuthTime, false)
	if f.MayMint(shop, bob.AuthTime) {
		t.Error("minting while the end is not durable")
	}
	if reports := f.reports(); len(reports) != 1 || !errors.Is(reports[0], blacklist.ErrUnavailable) {
		t.Errorf("reported %v", reports)
	}
	f.memory.journal.Fail(false)
	f.retry(t.Context())
	if !f.MayMint(shop, bob.AuthTime) {
		t.Error("no minting after the recovery")
	}
}

func TestIdentifiedAsAnotherWithFailingPut(t *testing.T) {
	f := newFixture(t)
	ann := f.learn("ann")
	f.memory.fail(true, "Put")
	session, err := f.Ask(shop).Identified(t.Context(), Identity{User: "bob"}, lives)
	if !errors.Is(err, sessions.ErrUnavailable) || session.User != "bob" || session.AuthTime <= ann.AuthTime {
		t.Fatalf("Identified: %+v, %v", session, err)
	}
	f.expectActive("") // and not ann's
	f.expectToken(ann.AuthTime, false)
	f.memory.fail(false, "Put")
	f.retry(t.Context())
	if _, there := f.memory.record(shop); there {
		t.Error("the old record is still there")
	}
}

func TestIdentifiedRefusesWhatIsNoIdentity(t *testing.T) {
	for name, answer := range map[string]struct {
		identity Identity
		lives    Lifetimes
	}{
		"no user":       {Identity{}, lives},
		"no idle time":  {Identity{User: "ann"}, Lifetimes{MaxAge: time.Hour}},
		"no maximum":    {Identity{User: "ann"}, Lifetimes{Idle: time.Hour}},
		"negative idle": {Identity{User: "ann"}, Lifetimes{Idle: -1, MaxAge: time.Hour}},
	} {
		f := newFixture(t)
		q := f.Ask(shop)
		if session, err := q.Identified(t.Context(), answer.identity, answer.lives); err == nil || session.User != "" {
			t.Errorf("%s: %+v, %v", name, session, err)
		}
		if counts, _ := f.Count(t.Context()); counts.Questions != 0 || counts.Sessions != 0 {
			t.Errorf("%s leaves %+v", name, counts)
		}
		if _, err := f.Add(t.Context(), shop, answer.identity, answer.lives); err == nil {
			t.Errorf("%s: added", name)
		}
	}
}

// Whom the application named counts though the store does not take it. What the store has can't be told where it can't be
// read.
func TestIdentifiedWithFailingStore(t *testing.T) {
	for _, test := range []struct{ method, user string }{{"Get", ""}, {"Put", "ann"}, {"Update", "ann"}} {
		f := newFixture(t)
		known := test.method == "Update"
		if known {
			f.learn("ann")
		}
		f.advance(10 * time.Second)
		f.memory.fail(true, test.method)
		q := f.Ask(shop)
		session, err := q.Identified(t.Context(), Identity{User: "ann"}, lives)
		if !errors.Is(err, sessions.ErrUnavailable) || session.User != test.user {
			t.Errorf("%s fails: %+v, %v", test.method, session, err)
		}
		unkept, ok := errors.AsType[*UnkeptError](err)
		if ok != (test.user != "") || ok && (unkept.Known != known || !session.Confirmed.Equal(f.clock())) {
			t.Errorf("%s fails: %+v, %+v", test.method, session, unkept)
		}
	}
}

func TestAnsweredOnce(t *testing.T) {
	ctx := context.Background()
	answers := map[string]func(*Question) error{
		"identified": func(q *Question) error {
			_, err := q.Identified(ctx, Identity{User: "ann"}, lives)
			return err
		},
		"nobody":    func(q *Question) error { return q.Nobody(ctx, time.Second) },
		"withdrawn": func(q *Question) error { q.Withdraw(); return nil },
	}
	for first, answer := range answers {
		for second, again := range answers {
			f := newFixture(t)
			q := f.Ask(shop)
			if err := answer(q); err != nil {
				t.Fatalf("%s: %v", first, err)
			}
			_, active := f.active()
			nobody := f.IsNobody(ctx, shop)
			if err := again(q); second != "withdrawn" && !errors.Is(err, ErrOvertaken) {
				t.Errorf("%s after %s: %v", second, first, err)
			}
			if _, now := f.active(); now != active || f.IsNobody(ctx, shop) != nobody {
				t.Errorf("%s after %s changed something", second, first)
			}
		}
	}
}

func TestWithdrawLeavesOtherQuestions(t *testing.T) {
	f := newFixture(t)
	one, two, three := f.Ask(shop), f.Ask(shop), f.Ask(shop)
	two.Withdraw()
	if counts, _ := f.Count(t.Context()); counts.Questions != 2 {
		t.Errorf("%d questions, want 2", counts.Questions)
	}
	f.answer(three, "ann")
	f.answer(one, "ann")
	if counts, _ := f.Count(t.Context()); counts.Questions != 0 {
		t.Errorf("%d questions, want none", counts.Questions)
	}
}

func TestNobodyIsRemembered(t *testing.T) {
	f := newFixture(t)
	if err := f.Ask(shop).Nobody(t.Context(), 3*time.Second); err != nil {
		t.Fatal(err)
	}
	other := sessions.Key{Realm: "forum", Hash: shop.Hash}
	if !f.IsNobody(ctx, shop) || f.IsNobody(ctx, other) {
		t.Errorf("nobody: %v, in another realm %v", f.IsNobody(ctx, shop), f.IsNobody(ctx, other))
	}
	f.advance(3*time.Second - 1)
	if !f.IsNobody(ctx, shop) {
		t.Error("forgotten too soon")
	}
	f.advance(1)
	if f.IsNobody(ctx, shop) {
		t.Error("remembered too long")
	}
	if f.memory.writeCount() != 0 || f.memory.journal.Writes() != 0 {
		t.Error("something was written")
	}
	if err := f.Ask(shop).Nobody(t.Context(), 0); err != nil || f.IsNobody(ctx, shop) {
		t.Errorf("remembered for no time: %v", err)
	}
}

func TestNobodyOfKnownSessionIsAnEnd(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	other := f.Ask(shop)
	if err := f.Ask(shop).Nobody(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	f.expectActive("")
	f.expectToken(session.AuthTime, false)
	if f.IsNobody(ctx, shop) {
		t.Error("an end is remembered as nobody")
	}
	if _, err := other.Identified(t.Context(), Identity{User: "ann"}, lives); !errors.Is(err, ErrOvertaken) {
		t.Errorf("a question from before: %v", err)
	}
	f.crash()
	f.expectToken(session.AuthTime, false)
}

func TestNobodyOvertaken(t *testing.T) {
	f := newFixture(t)
	q := f.Ask(shop)
	f.end(0)
	if err := q.Nobody(t.Context(), time.Second); !errors.Is(err, ErrOvertaken) || f.IsNobody(ctx, shop) {
		t.Errorf("Nobody: %v, remembered %v", err, f.IsNobody(ctx, shop))
	}
}

func TestNobodyWithFailingStore(t *testing.T) {
	f := newFixture(t)
	session := f.learn("ann")
	f.memory.fail(true, "Get")
	if err := f.Ask(shop).Nobody(t.Context(), time.Second); !errors.Is(err, sessions.ErrUnavailable) || f.IsNobody(ctx, shop) {
		t.Errorf("Nobody: %v", err)
	}
	f.expectToken(session.AuthTime, false)
	f.memory.fail(false, "Get")
	f.expectActive("")
}

func TestForget(t *testing.T) {
	f := newFixture(t)
	if err := f.Ask(shop).Nobody(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	q, positive := f.Ask(shop), f.Ask(shop)
	f.Forget(shop)
	if f.IsNobody(ctx, shop) {
		t.Error("still remembered")
	}
	if err := q.Nobody(t.Context(), time.Minute); err != nil || f.IsNobody(ctx, shop) {
		t.Errorf("an answer from before: %v, remembered %v", err, f.IsNobody(ctx, shop))
	}
	if err := f.Ask(shop).Nobody(t.Context(), time.Minute); err != nil || !f.IsNobody(ctx, shop) {
		t.Errorf("an answer from after: %v, remembered %v", err, f.IsNobody(ctx, shop))
	}
	f.answer(positive, "ann")
	f.expectActive("ann")
	if f.IsNobody(ctx, shop) {
		t.Error("nobody is remembered beside a user")
	}
}

func TestSignedOutIsBounded(t *testing.T) {
	f := newFixture(t)
	key := shop
	for i := range maxSignedOut + 1 {
		key.Hash = sessions.Hash{byte(i), byte(i >> 8), byte(i >> 16)}
		f.signedOut.remember(ctx, key, f.clock(), time.Minute)
	}
	if got := f.signedOut.(ownNegatives).Len(); got != maxSignedOut {
		t.Errorf("%d are remembered, want %d", got, maxSignedOut)
	}
}
