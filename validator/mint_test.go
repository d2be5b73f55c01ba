package validator

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const testSessionID = "6f1ed002ab5595859014ebf0951522d9"

func TestTokenFormat(t *testing.T) {
	credential := credentialOf(t, "sid="+testSessionID, "sid")
	session := testSession(credential)
	session.Attributes = sessions.Attributes{
		"role": sessions.Text("<a&b>"), "groups": sessions.List("x", "y"), "none": {}, "exp": sessions.Text("9999999999"),
	}
	minter := testMinter(mustSet(t, mustKey(t, "a"), mustKey(t, "b")))
	minter.Issuer = "https://shop.example"
	minter.Attributes = []string{"tenant", "role", "sub"}
	text := mint(t, minter, session, credential)
	got := decodeToken(t, "a", text)

	if len(got.header) != 3 || got.header["alg"] != "HS256" || got.header["kid"] != "a" || got.header["typ"] != "JWT" {
		t.Errorf("got header %v", got.header)
	}
	wantNames := []string{
		"sub", "aud", "sid", "jti", "iat", "exp", "auth_time", "iss", "groups", "none", "role", "tenant",
	}
	if !slices.Equal(got.names, wantNames) {
		t.Errorf("got claims %q, want %q", got.names, wantNames)
	}
	jti := got.claims["jti"].(string)
	for name, want := range map[string]any{
		"sub": "alice", "aud": "shop", "iss": "https://shop.example", "iat": json.Number("1800000000"),
		"exp": json.Number("1800000060"), "auth_time": json.Number("1799999990"), "role": "<a&b>", "none": nil, "tenant": nil,
	} {
		if got.claims[name] != want {
			t.Errorf("%s: got %v, want %v", name, got.claims[name], want)
		}
	}
	if groups, ok := got.claims["groups"].([]any); !ok || !slices.Equal(groups, []any{"x", "y"}) {
		t.Errorf("groups: got %v", got.claims["groups"])
	}
	if len(decode64(t, jti)) != 16 {
		t.Errorf("jti %q has not 128 bits", jti)
	}
	if want := "\x01" + testSessionID; string(got.session) != want {
		t.Errorf("sealed %q, want %q", got.session, want)
	}
	// As few bytes as the form allows: no line break, no escape that HTML would need.
	if payload := string(decode64(t, strings.Split(text, ".")[1])); strings.ContainsAny(payload, " \n") ||
		!strings.Contains(payload, `"role":"<a&b>"`) {
		t.Errorf("got payload %s", payload)
	}
	if strings.Contains(text, "=") {
		t.Error("the token has padding")
	}
}

func TestTokensDiffer(t *testing.T) {
	credential := credentialOf(t, "sid="+testSessionID, "sid")
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	first := decodeToken(t, "a", mint(t, minter, testSession(credential), credential))
	second := decodeToken(t, "a", mint(t, minter, testSession(credential), credential))
	if first.claims["jti"] == second.claims["jti"] {
		t.Error("two tokens of one id")
	}
	if first.claims["sid"].(string)[:16] == second.claims["sid"].(string)[:16] {
		t.Error("one nonce twice: what is sealed with it can be read")
	}
}

// Every byte of an id is random.
func TestTokenIDsAreRandom(t *testing.T) {
	var seen [16]map[byte]bool
	for range 64 {
		for i, b := range decode64(t, newTokenID()) {
			if seen[i] == nil {
				seen[i] = make(map[byte]bool)
			}
			seen[i][b] = true
		}
	}
	for i := range seen {
		if len(seen[i]) < 16 { // of 64 random bytes about 57 differ
			t.Errorf("byte %d takes %d values in 64 ids", i, len(seen[i]))
		}
	}
}

// A minter serves many requests at once; its list of attributes stays as it was given.
func TestMintLeavesTheMinterAlone(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	given := append(make([]string, 0, 8), "z", "sub", "a", "z")
	minter.Attributes = given
	decodeToken(t, "a", mint(t, minter, testSession(credential), credential))
	if want := []string{"z", "sub", "a", "z", ""}; !slices.Equal(given[:5], want) {
		t.Errorf("the attributes became %q", given[:5])
	}
}

// The claims that every token has, the sealed id and the key id leave no room for fewer bytes; this is so that nobody
// adds to them unawares. Each request carries them.
func TestTokenSize(t *testing.T) {
	for length, want := range map[int]int{26: 390, 32: 400} {
		credential := credentialOf(t, "sid="+testSessionID[:length], "sid")
		session := testSession(credential)
		session.Attributes = nil
		key, err := NewSecretKey("AAAAAAAAAAAAAAAAAAAAAA", secretOf("a")) // as long as those that the gateway makes
		if err != nil {
			t.Fatal(err)
		}
		text := mint(t, testMinter(mustSet(t, key)), session, credential)
		if len(text) > want {
			t.Errorf("a session id of %d characters makes a token of %d bytes, want at most %d", length, len(text), want)
		}
	}
}

func TestSealedForms(t *testing.T) {
	minter := testMinter(mustSet(t, mustKey(t, "a")))
	long := func(n int) string { return strings.Repeat("s", n) }
	hashed := func(id string) string {
		hash := sessions.HashOf(id)
		return "\x02" + string(hash[:])
	}
	set := func(n int) string { return "user=u\nsid=" + long(n-len("user=u\nsid=")) }
	for _, c := range []struct {
		name, line string
		names      []string
		want       string
	}{
		{"one byte", "sid=s", []string{"sid"}, "\x01s"},
		{"256 bytes", "sid=" + long(256), []string{"sid"}, "\x01" + long(256)},
		{"257 bytes", "sid=" + long(257), []string{"sid"}, hashed(long(257))},
		{"4000 bytes", "sid=" + long(4000), []string{"sid"}, hashed(long(4000))},
		{"a set", "sid=1; user=u", []string{"user", "sid"}, "\x01user=u\nsid=1"},
		{"a set of 256 bytes", "user=u; sid=" + set(256)[11:], []string{"user", "sid"}, "\x01" + set(256)},
		{"a set of 257 bytes", "user=u; sid=" + set(257)[11:], []string{"user", "sid"}, hashed(set(257))},
		{"a pattern", "wp_7=x", []string{"wp_*"}, "\x01x"},
		{"as it stands", `sid="%20é"`, []string{"sid"}, "\x01\"%20é\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			credential := credentialOf(t, c.line, c.names...)
			text := mint(t, minter, testSession(credential), credential)
			if got := decodeToken(t, "a", text); string(got.session) != c.want {
				t.Errorf("sealed %q, want %q", got.session, c.want)
			}
			token := NewVerifier(NewKeyRing(minter.Keys), nil).Verify(tokenOf(text), testNow, testRoute())
			if Bind(token, credential) != SameSession {
				t.Errorf("not bound: %q", token.Reason)
			}
		})
	}
}

func TestMintTimes(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	at := func(seconds float64) time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	for _, c := range []struct {
		name                     string
		confirmed, ends, expires float64 // relative to the second of testNow, which is 0.5
		lifetime                 time.Duration
		want                     int64 // exp, relative too; 0: nothing to mint
	}{
		{"just confirmed", 0.5, 1000, 1000, time.Minute, 60},
		{"confirmed 10 s ago", -9.5, 1000, 1000, time.Minute, 50},
		{"a fraction is cut off, never added", -9.6, 1000, 1000, time.Minute, 50},
		{"the session ends before", 0.5, 20.9, 1000, time.Minute, 20},
		{"the session ends now", 0.5, 0.9, 1000, time.Minute, 0},
		{"the session has ended", 0.5, -5, 1000, time.Minute, 0},
		{"the record expires before", 0.5, 1000, 20.9, time.Minute, 20},
		{"the record expires now", 0.5, 1000, 0.9, time.Minute, 0},
		{"the record has expired", 0.5, 1000, -5, time.Minute, 0},
		{"confirmed a lifetime ago", -59.5, 1000, 1000, time.Minute, 0},
		{"confirmed a second less ago", -58.9, 1000, 1000, time.Minute, 1},
		{"confirmed long ago", -3600, 1000, 1000, time.Minute, 0},
		{"confirmed while this request waited", 1.2, 1000, 1000, time.Minute, 60},
		{"confirmed by a gateway whose clock is ahead", 30, 1000, 1000, time.Minute, 60},
		{"a lifetime with a fraction", 0.5, 1000, 1000, 1500 * time.Millisecond, 1},
		{"a lifetime under a second", 0.5, 1000, 1000, 900 * time.Millisecond, 0},
		{"no lifetime", 0.5, 1000, 1000, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			session := testSession(credential)
			session.Confirmed, session.Ends, session.Expires = at(c.confirmed), at(c.ends), at(c.expires)
			minter := testMinter(mustSet(t, mustKey(t, "a")))
			minter.Lifetime = c.lifetime
			text, err := minter.Mint(session, credential, testNow)
			if c.want == 0 {
				if !errors.Is(err, ErrNothingToMint) || text != "" {
					t.Fatalf("got %q, %v", text, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			route := testRoute()
			route.Lifetime, route.Longest = c.lifetime, c.lifetime
			got := NewVerifier(NewKeyRing(minter.Keys), nil).Verify(tokenOf(text), testNow, route)
			if got.State != TokenUsable || got.Claims.Expires() != 1_800_000_000+c.want {
				t.Fatalf("got %+v %+v, want exp %d", got, got.Claims, c.want)
			}
		})
	}
}

// Whatever the times of a session are, a token that is minted is usable at once and over in time.
func TestMintNeverOutlives(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	keys := mustSet(t, mustKey(t, "a"))
	verifier := NewVerifier(NewKeyRing(keys), nil)
	rapid.Check(t, func(t *rapid.T) {
		duration := func(name string, from, to int64) time.Duration {
			return time.Duration(rapid.Int64Range(from, to).Draw(t, name))
		}
		now := testNow.Add(duration("now", 0, 2e9))
		session := testSession(credential)
		session.Confirmed = now.Add(duration("confirmed", -70e9, 5e9))
		session.Ends = now.Add(duration("ends", -5e9, 70e9))
		session.Expires = now.Add(duration("expires", -5e9, 70e9))
		minter := Minter{Keys: keys, Lifetime: duration("lifetime", 1, 65e9)}
		text, err := minter.Mint(session, credential, now)
		if err != nil {
			if !errors.Is(err, ErrNothingToMint) {
				t.Fatal(err)
			}
			return
		}
		route := testRoute()
		route.Lifetime, route.Longest = minter.Lifetime, minter.Lifetime
		got := verifier.Verify(tokenOf(text), now, route)
		if got.State != TokenUsable {
			t.Fatalf("refused at once: %q", got.Reason)
		}
		end := time.Unix(got.Claims.Expires(), 0)
		if end.After(session.Ends) || end.After(session.Expires) || end.After(session.Confirmed.Add(minter.Lifetime)) ||
			end.After(now.Add(minter.Lifetime)) {
			t.Fatalf("now %v, lifetime %v: the token ends at %v, the session is %+v", now, minter.Lifetime, end, session)
		}
	})
}

func TestMintRefuses(t *testing.T) {
	credential, other := credentialOf(t, "sid=1", "sid"), credentialOf(t, "sid=2", "sid")
	keys := mustSet(t, mustKey(t, "a"))
	for name, change := range map[string]func(*Minter, *sessions.Session, *SessionCredential){
		"no keys":             func(m *Minter, _ *sessions.Session, _ *SessionCredential) { m.Keys = nil },
		"a zero key set":      func(m *Minter, _ *sessions.Session, _ *SessionCredential) { m.Keys = &KeySet{} },
		"no session cookie":   func(_ *Minter, _ *sessions.Session, c *SessionCredential) { c.Presence = Absent },
		"a zero credential":   func(_ *Minter, _ *sessions.Session, c *SessionCredential) { *c = SessionCredential{} },
		"unusable, same hash": func(_ *Minter, _ *sessions.Session, c *SessionCredential) { c.Presence = Unusable },
		"another session":     func(_ *Minter, _ *sessions.Session, c *SessionCredential) { *c = other },
		"no realm":            func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.Realm = "" },
		"no user":             func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.User = "" },
		"a user with a blank": func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.User = "al ice" },
		"a user with CR LF":   func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.User = "alice\r\nX: y" },
		"a user of 257":       func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.User = strings.Repeat("u", 257) },
		"no time of sign-in":  func(_ *Minter, s *sessions.Session, _ *SessionCredential) { s.AuthTime = 0 },
		"a zero session":      func(_ *Minter, s *sessions.Session, _ *SessionCredential) { *s = sessions.Session{} },
		"a zero session, same": func(_ *Minter, s *sessions.Session, c *SessionCredential) {
			*s, *c = sessions.Session{}, SessionCredential{Presence: Present}
		},
	} {
		t.Run(name, func(t *testing.T) {
			minter, session, cookie := testMinter(keys), testSession(credential), credential
			change(&minter, &session, &cookie)
			text, err := minter.Mint(session, cookie, testNow)
			if err == nil || text != "" || errors.Is(err, ErrNothingToMint) {
				t.Errorf("got %d bytes, %v", len(text), err)
			}
		})
	}
	if text, err := (Minter{}).Mint(testSession(credential), credential, testNow); err == nil || text != "" {
		t.Error("a zero minter mints")
	}
}

// The first key signs; the others verify what they signed before, and a key that is gone verifies nothing.
func TestRotation(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	session := testSession(credential)
	before := mustSet(t, mustKey(t, "a"))
	after := mustSet(t, mustKey(t, "b"), mustKey(t, "a"))
	gone := mustSet(t, mustKey(t, "b"))
	first := mint(t, testMinter(before), session, credential)
	second := mint(t, testMinter(after), session, credential)
	if got := decodeToken(t, "b", second); got.header["kid"] != "b" {
		t.Errorf("signed by %v", got.header["kid"])
	}
	for _, c := range []struct {
		name string
		keys *KeySet
		text string
		want Reason
	}{
		{"old token, old key", before, first, ""},
		{"old token, both", after, first, ""},
		{"new token, both", after, second, ""},
		{"old token, old key gone", gone, first, TokenUnknownKey},
		{"new token, old key", before, second, TokenUnknownKey},
	} {
		got := NewVerifier(NewKeyRing(c.keys), nil).Verify(tokenOf(c.text), testNow, testRoute())
		if got.Reason != c.want || (got.State == TokenUsable) != (c.want == "") {
			t.Errorf("%s: got %q, want %q", c.name, got.Reason, c.want)
		}
	}
}

// Two keys of one secret under different ids: a token's kid is signed, so it can't be moved.
func TestKeyIDIsSigned(t *testing.T) {
	secret := secretOf("a")
	one, _ := NewSecretKey("one", secret)
	two, _ := NewSecretKey("two", secret)
	credential := credentialOf(t, "sid=1", "sid")
	text := mint(t, testMinter(mustSet(t, one)), testSession(credential), credential)
	parts := strings.Split(text, ".")
	moved := encode64([]byte(`{"alg":"HS256","kid":"two","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2]
	verifier := NewVerifier(NewKeyRing(mustSet(t, one, two)), nil)
	if got := verifier.Verify(tokenOf(moved), testNow, testRoute()); got.Reason != TokenBadSignature {
		t.Errorf("got %+v", got)
	}
}
