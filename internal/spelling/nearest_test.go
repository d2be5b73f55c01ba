package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	options := strings.Fields("mode session_cookie session_idle_timeout session_max_age whoami token_cookie token_lifetime " +
		"issuer identity_header csrf preflight")
	for typed, want := range map[string]string{
		"mode": "mode", "mod": "mode", "modes": "mode", "Mode": "mode", "omde": "mode", "whoam": "whoami",
		"session-cookie": "session_cookie", "SESSION_COOKIE": "session_cookie", "session cookie": "session_cookie",
		"session_cookies": "session_cookie", "sesion_cokie": "session_cookie", "tokencookie": "token_cookie",
		"identity_headers": "identity_header", "issuers": "issuer", "prefligth": "preflight",
		// A whole part of one word alone.
		"lifetime": "token_lifetime", "max_age": "session_max_age", "header": "identity_header",
		// A part of several, no whole part, or too little.
		"cookie": "", "session": "", "life": "", "age": "", "time": "",
		// Nothing like any of them.
		"": "", "nonsense": "", "{": "", "x": "", "reverse_proxy": "",
	} {
		if got := Nearest(typed, options); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
	if got := Nearest("bax", []string{"bar", "baz"}); got != "" {
		t.Errorf("of two that are equally near it chose %q", got)
	}
	if got := Nearest("mode", nil); got != "" {
		t.Errorf("of no words it chose %q", got)
	}
}

// slow is the definition of the distance, as it is written.
func slow(one, other string) int {
	if one == "" || other == "" {
		return len(one) + len(other)
	}
	changed := slow(one[1:], other[1:])
	if one[0] != other[0] {
		changed++
	}
	least := min(changed, slow(one[1:], other)+1, slow(one, other[1:])+1)
	if len(one) > 1 && len(other) > 1 && one[0] == other[1] && one[1] == other[0] {
		least = min(least, slow(one[2:], other[2:])+1)
	}
	return least
}

func FuzzDistance(f *testing.F) {
	f.Add("mode", "mdoe")
	f.Add("", "a")
	f.Add("abc", "cab")
	f.Fuzz(func(t *testing.T, one, other string) {
		if len(one) > 6 || len(other) > 6 {
			return
		}
		if got, want := distance(one, other), slow(one, other); got != want {
			t.Errorf("%q and %q: %d, want %d", one, other, got, want)
		}
	})
}
