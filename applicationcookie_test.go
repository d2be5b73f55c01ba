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
		names []string
		sent  string
		lines []string
		want  bool
	}{
		{"nothing set", []string{"session"}, "session=a", nil, false},
		{"the same value", []string{"session"}, "session=a", []string{"session=a; Path=/"}, false},
		{"the same value for longer", []string{"session"}, "session=a", []string{"session=a; Max-Age=60; Expires=" + past}, false},
		{"the same value sent twice", []string{"session"}, "session=a; session=a", []string{"session=a"}, false},
		{"the same odd value", []string{"session"}, `session="a,\ b"`, []string{`session="a,\ b"; HttpOnly`}, false},
		{"another cookie", []string{"session"}, "session=a", []string{"theme=dark", "sessions=b", "Session=b"}, false},
		{"another cookie deleted", []string{"session"}, "session=a", []string{"theme=; Max-Age=0"}, false},

		{"rotated", []string{"session"}, "session=a", []string{"session=b; Path=/"}, true},
		{"rotated by the second line", []string{"session"}, "session=a", []string{"session=a", "session=b"}, true},
		{"other quotes", []string{"session"}, "session=a", []string{`session="a"`}, true},
		{"opened", []string{"session"}, "", []string{"session=a"}, true},
		{"one of two values that came", []string{"session"}, "session=a; session=b", []string{"session=a"}, true},
		{"emptied", []string{"session"}, "session=a", []string{"session="}, true},
		{"without an equals sign", []string{"session"}, "session=a", []string{"session; Path=/"}, true},
		{"white space around the name", []string{"session"}, "session=a", []string{" session\t= b"}, true},

		{"Max-Age 0", []string{"session"}, "session=a", []string{"session=a; Max-Age=0"}, true},
		{"Max-Age 00", []string{"session"}, "session=a", []string{"session=a; max-age= 00"}, true},
		{"Max-Age below 0", []string{"session"}, "session=a", []string{"session=a;MAX-AGE=-1"}, true},
		{"Max-Age far below 0", []string{"session"}, "session=a", []string{"session=a; Max-Age=-99999999999999999999"}, true},
		{"Max-Age beyond all numbers", []string{"session"}, "session=a", []string{"session=a; Max-Age=99999999999999999999; Expires=" + past}, false},
		{"Expires in the past", []string{"session"}, "session=a", []string{"session=a; Expires=" + past}, true},
		{"Expires now", []string{"session"}, "session=a", []string{"session=a; Expires=Mon, 04 May 2026 12:00:00 GMT"}, true},
		{"Expires in the future", []string{"session"}, "session=a", []string{"session=a; expires=" + future}, false},
		{"Max-Age before Expires", []string{"session"}, "session=a", []string{"session=a; Expires=" + future + "; Max-Age=0"}, true},
		{"Max-Age before Expires, alive", []string{"session"}, "session=a", []string{"session=a; Max-Age=1; Expires=" + past}, false},
		{"the last Max-Age", []string{"session"}, "session=a", []string{"session=a; Max-Age=0; Max-Age=60"}, false},
		{"the last Max-Age that is one", []string{"session"}, "session=a", []string{"session=a; Max-Age=0; Max-Age=soon; Max-Age=+60; Max-Age=-; Max-Age"}, true},
		{"no Max-Age, but Expires", []string{"session"}, "session=a", []string{"session=a; Max-Age=soon; Expires=" + past}, true},
		{"the last Expires that is one", []string{"session"}, "session=a", []string{"session=a; Expires=" + past + "; Expires=never"}, true},
		{"deleted though it never came", []string{"session"}, "", []string{"session=; Max-Age=0"}, true},

		{"a set, the same", []string{"a", "b"}, "a=1; b=2", []string{"a=1", "b=2"}, false},
		{"a set, its second rotated", []string{"a", "b"}, "a=1; b=2", []string{"a=1", "b=3"}, true},
		{"a set, its first deleted", []string{"a", "b"}, "a=1; b=2", []string{"a=1; Max-Age=0"}, true},
		{"a set, swapped", []string{"a", "b"}, "a=1; b=2", []string{"a=2", "b=1"}, true},
		{"a pattern, the same", []string{"DW*"}, "DW12=1", []string{"DW12=1"}, false},
		{"a pattern, rotated", []string{"DW*"}, "DW12=1", []string{"DW12=2"}, true},
		{"a pattern, under another name", []string{"DW*"}, "DW12=1", []string{"DW13=1"}, true},
		{"a pattern, deleted under another name", []string{"DW*"}, "DW12=1", []string{"DW13=; Max-Age=0"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			names, err := validator.NewSessionCookies(test.names...)
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
		if (cookie.maxAge != "" && !isMaxAge(cookie.maxAge)) || cookie.maxAge == "" && cookie.expires == "" && cookie.deleted(now) {
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
