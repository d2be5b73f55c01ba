package callback

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

var testNow = time.Unix(1_800_000_000, 0)

func newKeys(t *testing.T) *validator.KeySet {
	t.Helper()
	key, _, err := validator.GenerateKey(validator.HS256)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func attemptOf(state string, began time.Duration) signIn {
	return signIn{State: state, Nonce: "n", Issuer: "https://id.example", Realm: "shop", Return: "/", Began: testNow.Add(began).Unix()}
}

// sealed returns the sign-ins as a browser sends them.
func sealed(t *testing.T, keys *validator.KeySet, attempts ...signIn) validator.Cookies {
	t.Helper()
	var cookies validator.Cookies
	for _, attempt := range attempts {
		cookie, err := attempt.seal(keys)
		if err != nil {
			t.Fatal(err)
		}
		cookies = append(cookies, validator.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	return cookies
}

// named adds the cookie that names the sign-in of the state.
func named(t *testing.T, keys *validator.KeySet, state string, cookies validator.Cookies) validator.Cookies {
	t.Helper()
	cookie, err := nameSignIn(keys, state)
	if err != nil {
		t.Fatal(err)
	}
	return append(cookies, validator.Cookie{Name: cookie.Name, Value: cookie.Value})
}

// A sign-in that is under way counts with the cookie of its browser alone: one that names a sign-in which came with it.
func TestSignInsOfABrowser(t *testing.T) {
	keys := newKeys(t)
	both := sealed(t, keys, attemptOf("a", 0), attemptOf("b", 0))
	forged := validator.Cookie{Name: StateCookie, Value: named(t, newKeys(t), "a", nil)[0].Value}
	for name, test := range map[string]struct {
		cookies validator.Cookies
		want    bool
	}{
		"its own":           {named(t, keys, "a", both), true},
		"of another tab":    {named(t, keys, "b", both), true},
		"none":              {both, false},
		"another browser's": {named(t, keys, "c", both), false},
		"of no key of ours": {append(slices.Clone(both), forged), false},
		"two that differ":   {named(t, keys, "a", named(t, keys, "b", both)), false},
		"a sign-in's":       {append(slices.Clone(both), validator.Cookie{Name: StateCookie, Value: both[0].Value}), false},
	} {
		if _, got := readSignIns(keys, test.cookies, testNow).find("a", "https://id.example", "shop"); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What was not sealed here and now, as the sign-in of that very cookie, counts for nothing and is cleared.
func TestReadSignIns(t *testing.T) {
	keys := newKeys(t)
	good := sealed(t, keys, attemptOf("a", 0))[0]
	other := sealed(t, keys, attemptOf("b", 0))[0]
	over := sealed(t, keys, attemptOf("a", 0).used(sessions.HashOf("s"), testNow))[0]
	for name, test := range map[string]struct {
		cookies     validator.Cookies
		known, dead int
	}{
		"good":                            {validator.Cookies{good, other, over}, 3, 0},
		"another cookie":                  {validator.Cookies{{Name: "a", Value: good.Value}}, 0, 0},
		"another sign-in's name":          {validator.Cookies{{Name: good.Name, Value: other.Value}}, 0, 1},
		"over, under the name of a start": {validator.Cookies{{Name: good.Name, Value: over.Value}}, 0, 1},
		"twice, the same":                 {validator.Cookies{good, good}, 2, 0},
		"twice, not the same":             {validator.Cookies{good, {Name: good.Name, Value: other.Value}}, 0, 1},
		"other keys":                      {sealed(t, newKeys(t), attemptOf("a", 0)), 0, 1},
		"its time is over":                {sealed(t, keys, attemptOf("a", -SignInTime)), 0, 1},
		"its last second":                 {sealed(t, keys, attemptOf("a", time.Second-SignInTime)), 1, 0},
		"from the future":                 {sealed(t, keys, attemptOf("a", time.Second)), 0, 1},
		"no state":                        {sealed(t, keys, attemptOf("", 0)), 0, 1},
		"no text":                         {validator.Cookies{{Name: good.Name}}, 0, 1},
	} {
		read := readSignIns(keys, test.cookies, testNow)
		if len(read.known) != test.known || len(read.dead) != test.dead {
			t.Errorf("%s: %d known, %d dead, want %d and %d", name, len(read.known), len(read.dead), test.known, test.dead)
		}
	}
}

// A sign-in is found by its state at its provider and in its realm, and before one that is over.
func TestFindSignIn(t *testing.T) {
	keys := newKeys(t)
	over := attemptOf("over", 0).used(sessions.HashOf("s"), testNow)
	read := readSignIns(keys, named(t, keys, "a", sealed(t, keys, attemptOf("a", 0), over, over, attemptOf("over", 0))), testNow)
	for _, test := range []struct {
		state, issuer, realm string
		want, isOver         bool
	}{
		{"a", "https://id.example", "shop", true, false},
		{"over", "https://id.example", "shop", true, false},
		{"b", "https://id.example", "shop", false, false},
		{"", "https://id.example", "shop", false, false},
		{"a", "https://evil.example", "shop", false, false},
		{"a", "https://id.example", "blog", false, false},
	} {
		found, ok := read.find(test.state, test.issuer, test.realm)
		if ok != test.want || (found.Opened != nil) != test.isOver {
			t.Errorf("%+v: %v, over %v", test, ok, found.Opened != nil)
		}
	}
	if found, ok := readSignIns(keys, sealed(t, keys, over), testNow).find("over", "https://id.example", "shop"); !ok || found.Opened == nil {
		t.Error("a sign-in that is over is not found")
	}
}

// Those that are over go first, then the oldest.
func TestSurplusSignIns(t *testing.T) {
	keys := newKeys(t)
	young := attemptOf("young", 0)
	over := attemptOf("x", -time.Minute).used(sessions.HashOf("s"), testNow)
	var attempts []signIn
	for i := range 4 {
		attempts = append(attempts, attemptOf(fmt.Sprint(i), time.Duration(i-10)*time.Second))
	}
	for name, test := range map[string]struct {
		kept []signIn
		size int
		want []string
	}{
		"room for all":      {attempts, 500, nil},
		"one is over":       {append([]signIn{over}, attempts...), 500, []string{over.name()}},
		"the oldest":        {append([]signIn{young}, attempts...), 500, []string{attempts[0].name()}},
		"much is to be put": {attempts[:2], maxSignInBytes, []string{attempts[0].name(), attempts[1].name()}},
		"none":              {nil, maxSignInBytes + 1, nil},
	} {
		got := readSignIns(keys, sealed(t, keys, test.kept...), testNow).surplus(test.size)
		if strings.Join(got, " ") != strings.Join(test.want, " ") {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
