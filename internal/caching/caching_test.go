package caching

import (
	"maps"
	"net/http"
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

func TestMayCarryByStatus(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := status >= 200 && status < 400 && status != http.StatusPartialContent && status != http.StatusNotModified
		if got := MayCarry(status, http.Header{}, cachingNow); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

// Each row is an answer of the application as a shared cache would see it.
func TestMayCarryByHeader(t *testing.T) {
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

		// must-understand makes caches that know the status pass over no-store, and stale copies are given away unasked.
		{[]string{"Cache-Control: must-understand, no-store, max-age=60"}, false},
		{[]string{"Cache-Control: must-understand, no-store, private"}, true},
		{[]string{"Cache-Control: max-age=0, stale-while-revalidate=60"}, false},
		{[]string{"Cache-Control: private, stale-while-revalidate=60"}, true},
		{[]string{`Cache-Control: private, x="`}, false},

		// What other fields say changes nothing.
		{[]string{"Pragma: no-cache"}, true},
		{[]string{"Pragma: no-cache", "Cache-Control: public"}, false},
		{[]string{"Vary: *"}, true},
		{[]string{"Vary: *", "Cache-Control: public"}, false},
		{[]string{"Expires: " + past, "Expires: " + future}, false},
	} {
		if got := MayCarry(http.StatusOK, headerOf(test.lines...), cachingNow); got != test.want {
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
		KeepPrivate(header)
		if want := headerOf(test.want...); !maps.EqualFunc(header, want, slices.Equal) {
			t.Errorf("%q: got %v, want %v", test.lines, header, want)
		}
		if !MayCarry(http.StatusOK, header, cachingNow) {
			t.Errorf("%q: kept private it is %v, and yet shared caches may store it", test.lines, header)
		}
	}
}

// Each row is a field for some caches alone, on an answer that is private to all others.
func TestMayCarryByTargetedField(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        bool
	}{
		{"CDN-Cache-Control", "max-age=60", false},
		{"Cloudflare-CDN-Cache-Control", "max-age=60", false},
		{"Vercel-CDN-Cache-Control", "s-maxage=3600", false},
		{"Netlify-CDN-Cache-Control", "public, durable, max-age=60, stale-while-revalidate=120", false},
		{"Akamai-Cache-Control", "max-age=1", false},
		{"X-LiteSpeed-Cache-Control", "public,max-age=60", false},
		{"Surrogate-Control", "max-age=60", false},
		{"Edge-Control", "max-age=1d", false},
		{"Edge-Control", "cache-maxage=1d", false},
		{"X-Accel-Expires", "60", false},
		{"Shop-Front-Cache-Control", "max-age=60", false}, // nobody knows it yet
		{"X-Cache-Control", "public", false},

		{"CDN-Cache-Control", "no-store", true},
		{"CDN-Cache-Control", "private", true},
		{"CDN-Cache-Control", "max-age=60, private", true},
		{"CDN-Cache-Control", "no-store=?1", true},
		{"CDN-Cache-Control", "", true},
		{"CDN-Cache-Control", " ", true},
		{"Surrogate-Control", "no-store", true},
		{"X-LiteSpeed-Cache-Control", "no-cache", true},
		{"X-LiteSpeed-Cache-Control", "no-store", true},
		{"Edge-Control", "no-store", true},
		{"Edge-Control", "bypass-cache", true},
		{"Shop-Surrogate-Control", "no-store", true},
		{"Shop-Surrogate-Control", "max-age=60", false},
		{"shop-edge-control", "cache-maxage=1d", false},
		{"X-Accel-Expires", "0", true},
		{"X-Accel-Expires", "off", true},
		{"Shop-Front-Cache-Control", "no-store", true},

		// It may be kept, be it to be asked for each time.
		{"CDN-Cache-Control", "max-age=0", false},
		{"CDN-Cache-Control", "no-cache", false},
		{"CDN-Cache-Control", "must-revalidate", false},
		{"Edge-Control", "!no-store", false},
		{"Edge-Control", "!no-store, max-age=1d", false},
		{"X-LiteSpeed-Cache-Control", "private, max-age=60", false},
		{"Surrogate-Control", `content="ESI/1.0"`, false},
		{"X-Accel-Expires", "@0", false},
		{"X-Accel-Expires", "@9999999999", false},

		// Caches pass over a field that is no dictionary, and some read it all the same.
		{"CDN-Cache-Control", "No-Store", false},
		{"CDN-Cache-Control", "no-store, max-age=60 no-store", false},
		{"CDN-Cache-Control", "no-store,", false},
		{"CDN-Cache-Control", `no-store, x="`, false},
		{"CDN-Cache-Control", "no-store=?0", false},
		{"CDN-Cache-Control", "no-store, no-store=?0", false},
		{"CDN-Cache-Control", "no-store=?0, no-store", false},
		{"CDN-Cache-Control", `no-store="?1"`, false},
		{"CDN-Cache-Control", "no-store=(a b)", false},
		{"Surrogate-Control", "no-store;edge2", false}, // to one cache alone
		{"X-Accel-Expires", "-1", false},
		{"X-Accel-Expires", "soon", false},

		// These are no such fields.
		{"X-Cache-Controlled", "max-age=60", true},
		{"X-Accel-Buffering", "no", true},
		{"Cache-Tag", "page", true},
		{"Access-Control-Max-Age", "60", true},
	} {
		header := headerOf("Cache-Control: private", test.name+": "+test.value)
		if got := MayCarry(http.StatusOK, header, cachingNow); got != test.want {
			t.Errorf("%s: %q: %v, want %v", test.name, test.value, got, test.want)
		}
		if got := MayBeAnothers(http.StatusOK, header, cachingNow); got == test.want {
			t.Errorf("%s: %q: may be another visitor's: %v", test.name, test.value, got)
		}
	}
}

// Lines of one field count together, and the widest of all fields counts.
func TestMayCarryByTargetedLines(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  bool
	}{
		{[]string{"CDN-Cache-Control: max-age=60", "CDN-Cache-Control: no-store"}, true},
		{[]string{"CDN-Cache-Control: no-store", "Surrogate-Control: max-age=60"}, false},
		{[]string{"CDN-Cache-Control: no-store", "Surrogate-Control: no-store"}, true},
		{[]string{"X-Accel-Expires: 0", "X-Accel-Expires: 60"}, false},
		{[]string{"CDN-Cache-Control: no-store", "Cache-Control: public, max-age=60"}, false},
	} {
		if got := MayCarry(http.StatusOK, headerOf(test.lines...), cachingNow); got != test.want {
			t.Errorf("%q: %v, want %v", test.lines, got, test.want)
		}
	}
}

// What the whoami page may say without being given to the next visitor unasked. The page's own tests have the rest.
func TestMayReuse(t *testing.T) {
	for _, test := range []struct {
		line string
		want bool
	}{
		{"CDN-Cache-Control: max-age=60", true},
		{"CDN-Cache-Control: max-age=0", false},
		{"CDN-Cache-Control: no-cache", false},
		{"CDN-Cache-Control: no-store, max-age=60", false},
		{"Shop-Cache-Control: s-maxage=1", true},
		{"Surrogate-Control: max-age=3600+600", true},
		{"Surrogate-Control: max-age=60;edge2", true},
		{`Surrogate-Control: content="ESI/1.0"`, false},
		{"Edge-Control: cache-maxage=1d", true},
		{"Edge-Control: !no-store", true},
		{"X-Accel-Expires: 60", true},
		{"X-Accel-Expires: 0", false},
		{"X-Accel-Expires: @0", false},
		{"X-Accel-Expires: @9999999999", true},
		{"X-Accel-Expires: off", false},
		{"Cache-Control: max-age=0, stale-while-revalidate=60", true},
		{"Cache-Control: must-understand, no-store, max-age=60", true},
	} {
		if got := MayReuse(headerOf(test.line), cachingNow); got != test.want {
			t.Errorf("%s: %v, want %v", test.line, got, test.want)
		}
	}
}

// Whatever stands beside it, what forbids storing in Cache-Control keeps a readable response out, and a targeted field
// never takes a permission back that another field gives.
func FuzzCaching(f *testing.F) {
	f.Add("public, max-age=60", "CDN-Cache-Control", "no-store")
	f.Add(`private="a, b\"", s-maxage = "1",,=,"`, "Edge-Control", "!no-store, max-age=1d")
	f.Add("private", "X-Accel-Expires", "@12")
	f.Add("must-understand, no-store", "surrogate-control", `content="ESI/1.0", no-store;x`)
	f.Fuzz(func(t *testing.T, control, name, value string) {
		alone := http.Header{"Cache-Control": {control}}
		beside := http.Header{"Cache-Control": {control}}
		if !strings.EqualFold(name, "Cache-Control") && !strings.EqualFold(name, "Expires") && !strings.EqualFold(name, "Date") {
			beside[name] = []string{value}
		}
		if !MayCarry(http.StatusOK, alone, cachingNow) && MayCarry(http.StatusOK, beside, cachingNow) {
			t.Errorf("%q may not carry a cookie, and with %s: %q it may", control, name, value)
		}
		if MayReuse(alone, cachingNow) && !MayReuse(beside, cachingNow) {
			t.Errorf("%q may be reused, and with %s: %q it may not", control, name, value)
		}
		if MayReuse(beside, cachingNow) && MayCarry(http.StatusOK, beside, cachingNow) {
			t.Errorf("%q and %s: %q may be given away unasked, and carry a cookie", control, name, value)
		}
		if MayCarry(http.StatusOK, beside, cachingNow) {
			KeepPrivate(beside)
			if !MayCarry(http.StatusOK, beside, cachingNow) || mayStore(beside, cachingNow) {
				t.Errorf("%q and %s: %q may be stored with our cookie", control, name, value)
			}
		}
		if name != "" && MayCarry(http.StatusOK, http.Header{"X-" + name + "-Cache-Control": {value}}, cachingNow) &&
			!isEmpty([]string{value}) && !strings.Contains(value, "no-store") && !strings.Contains(value, "private") &&
			!strings.EqualFold("X-"+name+"-Cache-Control", "X-LiteSpeed-Cache-Control") {
			t.Errorf("a targeted field that forbids nothing, %q, carries a cookie", value)
		}
	})
}
