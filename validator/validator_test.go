package validator

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

var testNow = time.Unix(1_800_000_000, 500_000_000)

func mustKey(t testing.TB, id string) Key {
	t.Helper()
	key, err := NewSecretKey(id, secretOf(id))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// secretOf is the secret of the key with the given id.
func secretOf(id string) []byte { return []byte(strings.Repeat(id, 40) + "0123456789abcdef") }

func mustSet(t testing.TB, keys ...Key) *KeySet {
	t.Helper()
	set, err := NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// mustSessionCookies returns session cookies whose values may be short, so that a test can write them: what the default
// rules refuse has tests of its own.
func mustSessionCookies(t testing.TB, names ...string) SessionCookies {
	t.Helper()
	cookies, err := NewSessionCookies(names...)
	if err != nil {
		t.Fatal(err)
	}
	return cookies.WithRules(mustRules(t, 1, ""))
}

func mustRules(t testing.TB, minLength int, pattern string) SessionRules {
	t.Helper()
	rules, err := NewSessionRules(minLength, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// credentialOf reads the session credential as a request would bring it.
func credentialOf(t testing.TB, line string, names ...string) SessionCredential {
	t.Helper()
	cookies, err := ScanCookies([]string{line})
	if err != nil {
		t.Fatal(err)
	}
	return mustSessionCookies(t, names...).Read(cookies)
}

func testSession(credential SessionCredential) sessions.Session {
	return sessions.Session{
		Key:        sessions.Key{Realm: "shop", Hash: credential.Hash},
		User:       "alice",
		Source:     sessions.Learned,
		AuthTime:   testNow.Unix() - 10,
		Seen:       testNow,
		Confirmed:  testNow,
		Ends:       testNow.Add(24 * time.Hour),
		Expires:    testNow.Add(time.Hour),
		Attributes: sessions.Attributes{"role": sessions.Text("customer")},
	}
}

func testRoute() Route {
	return Route{
		Realm: "shop", Lifetime: time.Minute, Longest: time.Minute,
		Dead: func(*Claims) (Reason, bool) { return "", false },
	}
}

func testMinter(keys *KeySet) Minter { return Minter{Keys: keys, Lifetime: time.Minute} }

func mint(t testing.TB, minter Minter, session sessions.Session, credential SessionCredential) string {
	t.Helper()
	text, err := minter.Mint(session, credential, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tokenOf(text string) TokenCredential { return TokenCredential{Presence: Present, text: &text} }
