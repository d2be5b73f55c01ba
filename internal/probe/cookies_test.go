package probe

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func mustNames(t testing.TB, names ...string) validator.SessionCookies {
	t.Helper()
	cookies, err := validator.NewSessionCookies(names...)
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}

func TestCookieLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want string // "" where it is refused
	}{
		{"abcdef", "sid=abcdef"},
		{"  abcdef \r\n", "sid=abcdef"},
		{"abc+/def==", "sid=abc+/def=="},
		{"s%3Aabc.def%3D", "sid=s%3Aabc.def%3D"},
		{"id=7&jwt=x", "sid=id=7&jwt=x"},
		{"sid=abc", "sid=abc"},
		{"sid=abc=", "sid=abc="},
		{"COOKIE: theme=dark; sid=abc", "theme=dark; sid=abc"},
		{"session=abc", "session=abc"}, // whose name is another, which the verdict says
		{"", ""},
		{" \n", ""},
		{"Cookie:", ""},
		{"abc def", ""},
		{"abc;def", ""},
		{"abc\r\nX-Other: 1", ""},
		{"sid=abc\nsid=def", ""},
		{"a\x00b", ""},
		{"sid=" + strings.Repeat("x", 20_000), ""},
	} {
		got, err := cookieLine(c.text, mustNames(t, "sid"))
		if (err == nil) != (c.want != "") || got != c.want {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
		if err != nil && len(c.text) > 5 && strings.Contains(err.Error(), c.text) {
			t.Errorf("the error repeats the cookie: %v", err)
		}
	}
	for text, isOne := range map[string]bool{"abcdef": false, "a=1; bx=2": true} {
		if _, err := cookieLine(text, mustNames(t, "a", "b*")); (err == nil) != isOne {
			t.Errorf("two cookies as %q: %v", text, err)
		}
	}
}

// Whatever is typed becomes one line of a header, or nothing.
func FuzzCookieLine(f *testing.F) {
	for _, seed := range []string{"abc", "sid=abc; a=b", "Cookie: x=y", "a\nb", "id=1&jwt=2", "\x7f", "==", "sid="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line, err := cookieLine(text, mustNames(t, "sid"))
		if err != nil {
			return
		}
		if line == "" || strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("%q became %q", text, line)
		}
		if _, err := validator.ScanCookies([]string{line}); err != nil && len(line) < 16_000 {
			t.Fatalf("%q became %q: %v", text, line, err)
		}
	})
}

// A quoted text is one argument of a Caddyfile, with the same meaning.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"user.id", `<b id="x">([^<]+)<`, "a b", "`", "`\"\\", "{x}", "#", "a#b", `a\.b`, "<<EOF"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || strings.ContainsAny(text, "\r\n\x00\ufeff") || strings.ToValidUTF8(text, "") != text || strings.Contains(text, "{$") ||
			strings.Contains(text, "`") && strings.Contains(text, `\`) {
			return
		}
		tokens, err := caddyfile.Tokenize([]byte("option "+Quote(text)+"\n"), "Caddyfile")
		if err != nil || len(tokens) != 2 || tokens[1].Text != text {
			t.Fatalf("%q is written %s and read as %v, %v", text, Quote(text), tokens, err)
		}
	})
}

func TestWithoutQuery(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/login": "/login", "/login;jsessionid=SECRET?next=/": "/login?…", "https://x.test/a?SECRET": "https://x.test/a?…",
		"https://user:SECRET@x.test/": "https://x.test/", ":SECRET": "(no address)", "/a#SECRET": "/a",
	} {
		if got := withoutQuery(address); got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}

// One secret may be the beginning of another one, and either may come decoded.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	for _, values := range [][]string{{"abcd", "abcdefgh"}, {"abcdefgh", "abcd"}, {"ab%63d", "abcdefgh"}, {"abcdefgh", "ab%63d"}} {
		var hidden secrets
		for _, value := range values {
			hidden.add(value)
		}
		for _, text := range []string{"abcdefgh", "x abcd y abcdefgh z", values[0] + values[1]} {
			if got := hidden.hide(text); strings.Contains(got, "abcd") || strings.Contains(got, "efgh") || strings.Contains(got, "%63") {
				t.Errorf("%q: %q shows as %q", values, text, got)
			}
		}
	}
}
