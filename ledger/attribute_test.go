package ledger

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func withEmail(user string, emails ...string) Identity {
	attribute := sessions.List(emails...)
	if len(emails) == 1 {
		attribute = sessions.Text(emails[0])
	}
	return Identity{User: user, Attributes: sessions.Attributes{"email": attribute}}
}

func (f *fixture) learnAs(key sessions.Key, identity Identity) (sessions.Session, error) {
	return f.Ask(key).Identified(ctx, identity, lives)
}

// What is known is found by the attribute, and what has no record any more is refused when the application names it.
func TestRevokeAttribute(t *testing.T) {
	f := newFixture(t)
	ann, err := f.learnAs(one, withEmail("17", "ann@example.com"))
	f.ok(err)
	second, err := f.learnAs(two, withEmail("17", "other@example.com", "ann@example.com"))
	f.ok(err)
	bob, err := f.learnAs(three, withEmail("18", "Ann@example.com"))
	f.ok(err)
	users, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.com", false)
	if users != 1 || err != nil {
		t.Fatalf("found %d users, %v", users, err)
	}
	for range 2 {
		f.expectDead(ann, Revoked)
		f.expectDead(second, Revoked)
		f.expectDead(bob, 0)
		for name, identity := range map[string]Identity{
			"the user":                    withEmail("17", "ann@example.com"),
			"a user who was not known":    withEmail("19", "ann@example.com"),
			"one with several addresses":  withEmail("20", "x@example.com", "ann@example.com"),
			"the user, without attribute": {User: "17"},
		} {
			if _, err := f.learnAs(keyOf("old cookie of "+name), identity); !errors.Is(err, ErrRevoked) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, identity := range map[string]Identity{
			"another case":    withEmail("21", "ANN@example.com"),
			"another address": withEmail("22", "eve@example.com"),
			"none":            {User: "23"},
			"another attribute": {
				User: "24", Attributes: sessions.Attributes{"mail": sessions.Text("ann@example.com")},
			},
		} {
			if _, err := f.learnAs(keyOf("session with "+name), identity); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !f.RevokesIn("shop") {
			t.Error("nothing is said to be revoked in the realm")
		}
		f.crash()
	}
}

func TestRevokeAttributeFolded(t *testing.T) {
	f := newFixture(t)
	ann, err := f.learnAs(one, withEmail("17", "Ann@Example.com"))
	f.ok(err)
	if users, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.COM", true); users != 1 || err != nil {
		t.Fatalf("found %d users, %v", users, err)
	}
	f.expectDead(ann, Revoked)
	if _, err := f.learnAs(two, withEmail("19", "ANN@example.com")); !errors.Is(err, ErrRevoked) {
		t.Errorf("another spelling: %v", err)
	}
}

// Who signs in again is accepted: where the application is seen to set the cookie, and where the gateway opens the session.
func TestUserOfARevokedAttributeSignsInAgain(t *testing.T) {
	for _, knownBefore := range []bool{true, false} {
		f := newFixture(t)
		if knownBefore {
			_, err := f.learnAs(one, withEmail("17", "ann@example.com"))
			f.ok(err)
		}
		_, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.com", false)
		f.ok(err)
		again := keyOf("new cookie")
		f.SawSet(again, f.Moment())
		session, err := f.learnAs(again, withEmail("17", "ann@example.com"))
		f.ok(err)
		f.expectDead(session, 0)
		confirmed, err := f.learnAs(again, withEmail("17", "ann@example.com"))
		f.ok(err)
		if confirmed.AuthTime != session.AuthTime {
			t.Errorf("the session began anew when it was confirmed")
		}
		added, err := f.Add(ctx, keyOf("opened"), withEmail("17", "ann@example.com"), lives)
		f.ok(err)
		f.expectDead(added, 0)
		if _, active, err := f.Active(ctx, added.Key); !active || err != nil {
			t.Errorf("the session that the gateway opened: %v, %v", active, err)
		}
	}
}

// A session that was learned without the attribute is not accepted any more once the application tells it.
func TestAttributeThatComesLater(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "17")
	_, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.com", false)
	f.ok(err)
	if _, err := f.learnAs(one, withEmail("17", "ann@example.com")); !errors.Is(err, ErrRevoked) {
		t.Errorf("got %v", err)
	}
}

func TestRevokeNoAttribute(t *testing.T) {
	f := newFixture(t)
	for _, test := range [][2]string{{"", "ann"}, {"email", ""}} {
		if _, err := f.RevokeAttribute(ctx, "shop", test[0], test[1], true); err == nil {
			t.Errorf("revoked %q", test)
		}
	}
}

// A provider's session ends what was opened with it, and nothing else.
func TestEndSignedIn(t *testing.T) {
	f := newFixture(t)
	provider := sessions.ProviderSessionOf("https://id.example", "s1")
	open := func(key sessions.Key, provider sessions.ProviderSession) sessions.Session {
		session, err := f.Add(ctx, key, Identity{User: "ann", Provider: provider}, lives)
		f.ok(err)
		return session
	}
	first, second := open(one, provider), open(two, sessions.ProviderSessionOf("https://id.example", "s2"))
	third := open(three, sessions.ProviderSession{})
	for _, none := range []sessions.ProviderSession{{}, sessions.ProviderSessionOf("https://id.example", "s3")} {
		if ended, err := f.EndSignedIn(ctx, "shop", none); ended != 0 || err != nil {
			t.Errorf("ended %d, %v", ended, err)
		}
	}
	f.expectDead(first, 0)
	if ended, err := f.EndSignedIn(ctx, "shop", provider); ended != 1 || err != nil {
		t.Fatalf("ended %d, %v", ended, err)
	}
	for range 2 {
		f.expectDead(first, Ended)
		f.expectDead(second, 0)
		f.expectDead(third, 0)
		f.crash()
	}
	f.advance(time.Second)
	again := open(keyOf("again"), provider)
	f.expectDead(again, 0)
}

// A cookie that the application set in answer to a request from before the revocation shows nothing.
func TestAttributeRevokedAfterTheCookieWasSet(t *testing.T) {
	f := newFixture(t)
	f.ok(f.RevokeUser(ctx, "shop", "somebody else"))
	early := keyOf("early cookie")
	f.SawSet(early, f.Moment())
	_, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.com", false)
	f.ok(err)
	if _, err := f.learnAs(early, withEmail("17", "ann@example.com")); !errors.Is(err, ErrRevoked) {
		t.Errorf("got %v", err)
	}
}

// A session that is being written while an attribute is revoked is found, and dead.
func TestRevokeAttributeWhileASessionIsLearned(t *testing.T) {
	f := newFixture(t)
	revoked := make(chan error, 1)
	var once sync.Once
	f.memory.before = func(method string) {
		if method != "Put" {
			return
		}
		once.Do(func() {
			go func() {
				_, err := f.RevokeAttribute(ctx, "shop", "email", "ann@example.com", false)
				revoked <- err
			}()
			select {
			case err := <-revoked: // too early: the session is not there yet
				revoked <- err
			case <-time.After(50 * time.Millisecond):
			}
		})
	}
	session, err := f.learnAs(one, withEmail("17", "ann@example.com"))
	f.ok(err)
	f.ok(<-revoked)
	f.expectDead(session, Revoked)
}
