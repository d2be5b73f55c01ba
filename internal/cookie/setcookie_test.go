package cookie

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)

// A browser keeps one cookie in each of these places.
func TestVariant(t *testing.T) {
	for _, test := range []struct {
		line, host, path string
		want             Variant
	}{
		{"sid=a", "shop.example", "/", Variant{Name: "sid", Path: "/"}},
		{"sid=a; Path=/", "shop.example", "/cart/list", Variant{Name: "sid", Path: "/"}},
		{"sid=a", "shop.example", "/cart/list", Variant{Name: "sid", Path: "/cart"}},
		{"sid=a", "shop.example", "/cart/", Variant{Name: "sid", Path: "/cart"}},
		{"sid=a", "shop.example", "/cart", Variant{Name: "sid", Path: "/"}},
		{"sid=a", "shop.example", "", Variant{Name: "sid", Path: "/"}},
		{"sid=a", "shop.example", "*", Variant{Name: "sid", Path: "/"}},
		{"sid=a", "shop.example", "/a%2fb/c", Variant{Name: "sid", Path: "/a%2fb"}},
		{"sid=a; Path=", "shop.example", "/cart/list", Variant{Name: "sid", Path: "/cart"}},
		{"sid=a; Path=cart", "shop.example", "/x/y", Variant{Name: "sid", Path: "/x"}},
		{"sid=a; Path=/a; path=/b", "shop.example", "/", Variant{Name: "sid", Path: "/b"}},
		{"sid=a; Path=/a; Path=b", "shop.example", "/x/y", Variant{Name: "sid", Path: "/x"}},
		{"sid=a; Path=/A", "shop.example", "/", Variant{Name: "sid", Path: "/A"}},
		{"sid=a; Path=/" + strings.Repeat("a", maxAttribute), "shop.example", "/x/y", Variant{Name: "sid", Path: "/x"}},

		{"sid=a; Domain=shop.example; Path=/", "shop.example", "/", Variant{Name: "sid", Domain: "shop.example", Path: "/"}},
		{"sid=a; Domain=.Shop.Example; Path=/", "shop.example", "/", Variant{Name: "sid", Domain: "shop.example", Path: "/"}},
		{"sid=a; Domain=; Path=/", "shop.example", "/", Variant{Name: "sid", Path: "/"}},
		{"sid=a; Domain=a.example; Domain=; Path=/", "shop.example", "/", Variant{Name: "sid", Path: "/"}},
		{"sid=a; Domain=a.example; Domain=b.example; Path=/", "shop.example", "/", Variant{Name: "sid", Domain: "b.example", Path: "/"}},
		{"sid=a; Domain=localhost; Path=/", "localhost:8080", "/", Variant{Name: "sid", Path: "/"}},
		{"sid=a; Domain=127.0.0.1; Path=/", "127.0.0.1:8080", "/", Variant{Name: "sid", Path: "/"}},
		{"sid=a; Domain=[::1]; Path=/", "[::1]:8080", "/", Variant{Name: "sid", Path: "/"}},

		{"sid=a; Path=/; Secure; Partitioned", "shop.example", "/", Variant{Name: "sid", Path: "/", Partitioned: true}},
		{"SID=a; Path=/", "shop.example", "/", Variant{Name: "SID", Path: "/"}},
	} {
		if got := ReadLine(test.line).Variant(Request{Host: test.host, Path: test.path}); got != test.want {
			t.Errorf("%.60s at %s%s: %+v, want %+v", test.line, test.host, test.path, got, test.want)
		}
	}
}

func TestRemoves(t *testing.T) {
	const past, present, future = "Mon, 04 May 2026 11:59:59 GMT", "Mon, 04 May 2026 12:00:00 GMT", "Mon, 04 May 2026 12:00:01 GMT"
	for line, want := range map[string]bool{
		"a=1":                                false,
		"a=1; Max-Age=0":                     true,
		"a=1; max-age= 00":                   true,
		"a=1;MAX-AGE=-1":                     true,
		"a=1; Max-Age=-99999999999999999999": true,
		"a=1; Max-Age=99999999999999999999; Expires=" + past: false,
		"a=1; Expires=" + past:                               true,
		"a=1; Expires=" + present:                            true,
		"a=1; expires=" + future:                             false,
		"a=1; Expires=" + future + "; Max-Age=0":             true,
		"a=1; Max-Age=1; Expires=" + past:                    false,
		"a=1; Max-Age=0; Max-Age=60":                         false,
		"a=1; Max-Age=0; Max-Age=+60; Max-Age=-; Max-Age":    true,
		"a=1; Max-Age=soon; Expires=" + past:                 true,
		"a=1; Expires=" + past + "; Expires=never":           true,
		"a=1; Expires=" + past + "; Expires=" + future:       false,
	} {
		if got := ReadLine(line).Removes(now); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}

func TestSetsAndGives(t *testing.T) {
	lines := []string{"a=1; Path=/", "b=; Path=/", "c=1; Max-Age=0", "A=2"}
	for name, want := range map[string][2]bool{
		"a": {true, true}, "b": {true, false}, "c": {true, false}, "A": {true, true}, "B": {}, "": {},
	} {
		if got := [2]bool{Sets(lines, name), Gives(lines, name, now)}; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// What net/http takes for a cookie is read the same way here, white space around the value aside; all else at least has a
// name and a value without the bytes that end them.
func FuzzReadLine(f *testing.F) {
	for _, line := range []string{
		"session=a; Path=/; Max-Age=0", "session=a; Expires=Wed, 02-Jan-2019 03:04:05 GMT", `a="b c"`, "=", ";", "a;=b",
		" a\t= b ; max-age = -1 ", "a=b; Max-Age=9999999999999999999999", "a=b=c; Max-Age; Expires",
		"a=b; Domain=.Shop.Example; Path=/x; Secure; HttpOnly; Partitioned", "a=b; Path=x; Domain", "a=b; Domain= .x",
	} {
		f.Add(line, "/a/b")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		line := ReadLine(text)
		if strings.ContainsAny(line.Name, "=;") || strings.Contains(line.Value, ";") ||
			line.Name != trim(line.Name) || line.Value != trim(line.Value) {
			t.Errorf("%q: read %q = %q", text, line.Name, line.Value)
		}
		if line.maxAge != "" && !isMaxAge(line.maxAge) || line.maxAge == "" && line.expires.IsZero() && line.Removes(now) {
			t.Errorf("%q: Max-Age %q, removes: %v", text, line.maxAge, line.Removes(now))
		}
		variant := line.Variant(Request{Host: "shop.example", Path: path})
		if !strings.HasPrefix(variant.Path, "/") || variant.Domain != strings.ToLower(variant.Domain) {
			t.Errorf("%q at %q: the place is %+v", text, path, variant)
		}
		compareWithNetHTTP(t, text, line)
	})
}

func compareWithNetHTTP(t *testing.T, text string, line Line) {
	t.Helper()
	other, err := http.ParseSetCookie(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // no header line has those
		return
	}
	value := other.Value
	if other.Quoted {
		value = `"` + value + `"`
	}
	if other.Name != line.Name || trim(value) != line.Value {
		t.Errorf("%q: read %q = %q, net/http reads %q = %q", text, line.Name, line.Value, other.Name, value)
	}
	if len(text) > maxAttribute {
		return
	}
	if other.Secure && !line.Secure || other.HttpOnly && !line.HTTPOnly || other.Partitioned && !line.Partitioned {
		t.Errorf("%q: read %+v, net/http reads %+v", text, line, other)
	}
	// net/http keeps the last path that is not empty and the last domain, keeps white space in front of them, and refuses some
	// texts that browsers take.
	if strings.HasPrefix(other.Path, "/") && strings.Count(strings.ToLower(text), "path") == 1 && other.Path != line.Path {
		t.Errorf("%q: the path is %q, net/http reads %q", text, line.Path, other.Path)
	}
	if domain := trim(other.Domain); strings.Count(strings.ToLower(text), "domain") == 1 && domain != "" &&
		strings.ToLower(strings.TrimPrefix(domain, ".")) != line.Domain {
		t.Errorf("%q: the domain is %q, net/http reads %q", text, line.Domain, other.Domain)
	}
	// It also takes a plus sign in front of a number, which makes browsers pass the attribute over (RFC 6265 section 5.2.2).
	if strings.Count(strings.ToLower(text), "max-age") == 1 && !strings.Contains(text, "+") && other.MaxAge != 0 &&
		other.MaxAge < 0 != line.Removes(now) {
		t.Errorf("%q: Max-Age removes: %v, net/http reads %d", text, line.Removes(now), other.MaxAge)
	}
}
