package jwtsession

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
)

var cachingNow = time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)

// headerOf makes a header of lines "Name: value".
func headerOf(lines ...string) http.Header {
	header := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return header
}

func TestMayCarryCookieByStatus(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := status >= 200 && status < 400 && status != http.StatusPartialContent && status != http.StatusNotModified
		if got := mayCarryCookie(status, http.Header{}, cachingNow); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

// Each row is an answer of the application as a shared cache would see it.
func TestMayCarryCookieByHeader(t *testing.T) {
	future, past := cachingNow.Add(time.Hour).Format(http.TimeFormat), cachingNow.Add(-time.Hour).Format(http.TimeFormat)
	for _, test := range []struct {
		lines []string
		want  bool
	}{
		{nil, true},
		{[]string{"Cache-Control: private"}, true},
		{[]string{"Cache-Control: no-store"}, true},
		{[]string{"Cache-Control: no-cache"}, true},
		{[]string{"Cache-Control: "}, true},
		{[]string{"Cache-Control: max-age=0, must-revalidate"}, true},
		{[]string{`Cache-Control: max-age="0"`}, true},

		{[]string{"Cache-Control: public"}, false},
		{[]string{"Cache-Control: PUBLIC"}, false},
		{[]string{"Cache-Control: public, max-age=0"}, false},
		{[]string{"Cache-Control: s-maxage=60"}, false},
		{[]string{"Cache-Control: s-maxage=0"}, false},
		{[]string{"Cache-Control: immutable"}, false},
		{[]string{"Cache-Control: max-age=1"}, false},
		{[]string{"Cache-Control: no-cache, max-age=60"}, false},
		{[]string{"Cache-Control: max-age"}, false},
		{[]string{"Cache-Control: max-age=soon"}, false},
		{[]string{"Cache-Control: max-age=-1"}, false},
		{[]string{"Cache-Control: max-age=0, max-age=60"}, false},
		{[]string{"Cache-Control: no-cache", "Cache-Control: public"}, false},
		{[]string{"Cache-Control: must-revalidate,\tmax-age = 60"}, false},

		// What keeps it private wins, wherever it stands.
		{[]string{"Cache-Control: private, max-age=60"}, true},
		{[]string{"Cache-Control: max-age=60", "Cache-Control: Private"}, true},
		{[]string{"Cache-Control: public, no-store"}, true},
		{[]string{"Cache-Control: private, s-maxage=60"}, true},
		{[]string{"Cache-Control: private", "Expires: " + future}, true},

		// private with names of fields keeps only these out.
		{[]string{`Cache-Control: private="X-User", max-age=60`}, false},
		{[]string{`Cache-Control: private="X-User, no-store", max-age=60`}, false},
		{[]string{`Cache-Control: x="a, private, b", public`}, false},
		{[]string{`Cache-Control: x="a\", private", public`}, false},

		{[]string{"Expires: " + future}, false},
		{[]string{"Expires: " + past}, true},
		{[]string{"Expires: 0"}, true},
		{[]string{"Expires: " + cachingNow.Format(http.TimeFormat)}, true},
		{[]string{"Cache-Control: no-cache", "Expires: " + future}, false},
		{[]string{"Cache-Control: max-age=0", "Expires: " + future}, true}, // max-age counts before Expires
		{[]string{"Expires: " + future, "Date: " + future}, true},
		{[]string{"Expires: " + cachingNow.Format(http.TimeFormat), "Date: " + past}, false},
		{[]string{"Expires: " + future, "Date: yesterday"}, false},

		// Instructions for one kind of shared cache alone.
		{[]string{"Cdn-Cache-Control: max-age=60"}, false},
		{[]string{"Surrogate-Control: max-age=60", "Cache-Control: private"}, false},
		{[]string{"Cdn-Cache-Control: no-store"}, true},
		{[]string{"Surrogate-Control: no-store", "Cache-Control: public"}, false},
	} {
		if got := mayCarryCookie(http.StatusOK, headerOf(test.lines...), cachingNow); got != test.want {
			t.Errorf("%q: %v, want %v", test.lines, got, test.want)
		}
	}
}

func TestKeepPrivate(t *testing.T) {
	for _, test := range []struct{ lines, want []string }{
		{nil, []string{"Cache-Control: private", "Vary: Cookie"}},
		{
			[]string{"Cache-Control: no-cache", "Vary: Accept-Encoding"},
			[]string{"Cache-Control: no-cache", "Cache-Control: private", "Vary: Accept-Encoding", "Vary: Cookie"},
		},
		{[]string{"Cache-Control: private"}, []string{"Cache-Control: private", "Vary: Cookie"}},
		{[]string{"Cache-Control: No-Store"}, []string{"Cache-Control: No-Store", "Vary: Cookie"}},
		{
			[]string{`Cache-Control: private="X-User"`},
			[]string{`Cache-Control: private="X-User"`, "Cache-Control: private", "Vary: Cookie"},
		},
		{[]string{"Vary: *"}, []string{"Cache-Control: private", "Vary: *"}},
		{[]string{"Vary: Accept, cookie"}, []string{"Cache-Control: private", "Vary: Accept, cookie"}},
		{[]string{"Vary: X-Cookie"}, []string{"Cache-Control: private", "Vary: X-Cookie", "Vary: Cookie"}},
	} {
		header := headerOf(test.lines...)
		keepPrivate(header)
		if want := headerOf(test.want...); !maps.EqualFunc(header, want, slices.Equal) {
			t.Errorf("%q: got %v, want %v", test.lines, header, want)
		}
		if !mayCarryCookie(http.StatusOK, header, cachingNow) {
			t.Errorf("%q: kept private it is %v, and yet shared caches may store it", test.lines, header)
		}
	}
}

func FuzzParseCacheControl(f *testing.F) {
	f.Add("public, max-age=60")
	f.Add(`private="a, b\"", s-maxage = "1",,=,"`)
	f.Fuzz(func(t *testing.T, line string) {
		directives := parseCacheControl([]string{line})
		for name := range directives {
			if name == "" || name != textproto.TrimString(name) || name != strings.ToLower(name) {
				t.Errorf("%q: a directive is named %q", line, name)
			}
		}
		both := parseCacheControl([]string{line, "no-store"})
		if !both.keepsOut() {
			t.Errorf("%q and a line with no-store: shared caches may store it", line)
		}
	})
}
