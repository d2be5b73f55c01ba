package jwtsession

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// A row is a request's Cookie line and the Set-Cookie lines of its response.
func TestEndsSession(t *testing.T) {
	now := time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)
	const past, future = "Mon, 04 May 2026 11:59:59 GMT", "Mon, 04 May 2026 12:00:01 GMT"
	for _, test := range []struct {
		name  string
		names string
		sent  string
		lines []string
		want  bool
	}{
		{"nothing set", "session", "session=a", nil, false},
		{"the same value", "session", "session=a", []string{"session=a; Path=/"}, false},
		{"the same value for longer", "session", "session=a", []string{"session=a; Max-Age=60; Expires=" + past}, false},
		{"the same value sent twice", "session", "session=a; session=a", []string{"session=a"}, false},
		{"the same odd value", "session", `session="a,\ b"`, []string{`session="a,\ b"; HttpOnly`}, false},
		{"another cookie", "session", "session=a", []string{"theme=dark", "sessions=b", "Session=b"}, false},
		{"the same value, expired in lower case", "session", "session=a",
			[]string{"session=a; expires=thu, 01 jan 1970 00:00:00 gmt"}, true},
		{"another cookie deleted", "session", "session=a", []string{"theme=; Max-Age=0"}, false},

		{"rotated", "session", "session=a", []string{"session=b; Path=/"}, true},
		{"rotated by the second line", "session", "session=a", []string{"session=a", "session=b"}, true},
		{"other quotes", "session", "session=a", []string{`session="a"`}, true},
		{"opened", "session", "", []string{"session=a"}, true},
		{"one of two values that came", "session", "session=a; session=b", []string{"session=a"}, true},
		{"emptied", "session", "session=a", []string{"session="}, true},
		{"without an equals sign", "session", "session=a", []string{"session; Path=/"}, true},
		{"white space around the name", "session", "session=a", []string{" session\t= b"}, true},

		{"Max-Age 0", "session", "session=a", []string{"session=a; Max-Age=0"}, true},
		{"Max-Age 00", "session", "session=a", []string{"session=a; max-age= 00"}, true},
		{"Max-Age below 0", "session", "session=a", []string{"session=a;MAX-AGE=-1"}, true},
		{"Max-Age far below 0", "session", "session=a", []string{"session=a; Max-Age=-99999999999999999999"}, true},
		{"Max-Age beyond all numbers", "session", "session=a", []string{"session=a; Max-Age=99999999999999999999; Expires=" + past}, false},
		{"Expires in the past", "session", "session=a", []string{"session=a; Expires=" + past}, true},
		{"Expires now", "session", "session=a", []string{"session=a; Expires=Mon, 04 May 2026 12:00:00 GMT"}, true},
		{"Expires in the future", "session", "session=a", []string{"session=a; expires=" + future}, false},
		{"Max-Age before Expires", "session", "session=a", []string{"session=a; Expires=" + future + "; Max-Age=0"}, true},
		{"Max-Age before Expires, alive", "session", "session=a", []string{"session=a; Max-Age=1; Expires=" + past}, false},
		{"the last Max-Age", "session", "session=a", []string{"session=a; Max-Age=0; Max-Age=60"}, false},
		{"the last Max-Age that is one", "session", "session=a", []string{"session=a; Max-Age=0; Max-Age=+60; Max-Age=-; Max-Age"}, true},
		{"no Max-Age, but Expires", "session", "session=a", []string{"session=a; Max-Age=soon; Expires=" + past}, true},
		{"the last Expires that is one", "session", "session=a", []string{"session=a; Expires=" + past + "; Expires=never"}, true},
		{"deleted though it never came", "session", "", []string{"session=; Max-Age=0"}, true},

		{"a set, the same", "a b", "a=1; b=2", []string{"a=1", "b=2"}, false},
		{"a set, its second rotated", "a b", "a=1; b=2", []string{"a=1", "b=3"}, true},
		{"a set, its first deleted", "a b", "a=1; b=2", []string{"a=1; Max-Age=0"}, true},
		{"a set, swapped", "a b", "a=1; b=2", []string{"a=2", "b=1"}, true},
		{"a pattern, the same", "DW*", "DW12=1", []string{"DW12=1"}, false},
		{"a pattern, rotated", "DW*", "DW12=1", []string{"DW12=2"}, true},
		{"a pattern, under another name", "DW*", "DW12=1", []string{"DW13=1"}, true},
		{"a pattern, deleted under another name", "DW*", "DW12=1", []string{"DW13=; Max-Age=0"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			names, err := validator.NewSessionCookies(strings.Fields(test.names)...)
			if err != nil {
				t.Fatal(err)
			}
			sent, err := validator.ScanCookies([]string{test.sent})
			if err != nil {
				t.Fatal(err)
			}
			if got := endsSession(names, sent, http.Header{"Set-Cookie": test.lines}, now); got != test.want {
				t.Errorf("Cookie: %s, Set-Cookie: %q: %v, want %v", test.sent, test.lines, got, test.want)
			}
		})
	}
}

// Dates as applications write them, all of them the same second.
func TestParseCookieDate(t *testing.T) {
	want := time.Date(2019, time.January, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{
		"Wed, 02 Jan 2019 03:04:05 GMT", "Wed, 02-Jan-2019 03:04:05 GMT", "Wed, 02-Jan-19 03:04:05 GMT",
		"Wednesday, 02-Jan-19 03:04:05 GMT", "Wed Jan  2 03:04:05 2019", "Wed, 2 Jan 2019 03:04:05 GMT",
		"Wed, 2-Jan-2019 03:04:05 GMT", "Wed, 02 Jan 2019 03:04:05 UTC", "wed, 02-jan-2019 03:04:05 GMT",
	} {
		if got, ok := parseCookieDate(text); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "-1", "never", "2019-01-02T03:04:05Z", "Wed, 32 Jan 2019 03:04:05 GMT"} {
		if got, ok := parseCookieDate(text); ok || !got.IsZero() {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
}

// What net/http takes for a cookie is read the same way here, white space around the value aside; all else at least has a
// name and a value without the bytes that end them.
func FuzzReadSetCookie(f *testing.F) {
	for _, line := range []string{
		"session=a; Path=/; Max-Age=0", "session=a; Expires=Wed, 02-Jan-2019 03:04:05 GMT", `a="b c"`, "=", ";", "a;=b",
		" a\t= b ; max-age = -1 ", "a=b; Max-Age=9999999999999999999999", "a=b=c; Max-Age; Expires",
	} {
		f.Add(line)
	}
	now := time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line string) {
		cookie := readSetCookie(line)
		if strings.ContainsAny(cookie.name, "=;") || strings.Contains(cookie.value, ";") ||
			cookie.name != trim(cookie.name) || cookie.value != trim(cookie.value) {
			t.Errorf("%q: read %q = %q", line, cookie.name, cookie.value)
		}
		if cookie.maxAge != "" && !isMaxAge(cookie.maxAge) ||
			cookie.maxAge == "" && cookie.expires == "" && cookie.deleted(now) {
			t.Errorf("%q: Max-Age %q, deleted %v", line, cookie.maxAge, cookie.deleted(now))
		}
		compareWithNetHTTP(t, line, cookie)
	})
}

func compareWithNetHTTP(t *testing.T, line string, cookie setCookie) {
	t.Helper()
	other, err := http.ParseSetCookie(line)
	if err != nil {
		return
	}
	value := other.Value
	if other.Quoted {
		value = `"` + value + `"`
	}
	if other.Name != cookie.name || trim(value) != cookie.value {
		t.Errorf("%q: read %q = %q, net/http reads %q = %q", line, cookie.name, cookie.value, other.Name, value)
	}
}
