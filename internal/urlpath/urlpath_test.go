package urlpath

import (
	"math/rand/v2"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, target string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Skip("no request comes with such a URI")
	}
	return u
}

func TestReadings(t *testing.T) {
	for target, want := range map[string]string{
		"/backoffice/":                      "",
		"/backoffice;x=1/users":             "/backoffice/users",
		"/backoffice;/users;y":              "/backoffice/users",
		"/a/..;/backoffice/users":           "/backoffice/users",
		"/a/..;x=y/backoffice/users":        "/backoffice/users",
		"/;x/backoffice/users":              "/backoffice/users",
		"/backoffice%3bx=1/users":           "/backoffice/users",
		"/backoffice%3Bx=1%2fusers":         "/backoffice/users",
		"//backoffice/users":                "/backoffice/users",
		"/backoffice//users":                "/backoffice/users",
		"/./backoffice/users":               "/backoffice/users",
		"/x/../backoffice/users":            "/backoffice/users",
		"/x/%2e%2e/backoffice/users":        "/backoffice/users",
		"/x/.%2E/backoffice/users":          "/backoffice/users",
		"/x%2f..%2fbackoffice%2fusers":      "/backoffice/users",
		"/x/%2e%2e%3b/backoffice/users":     "/backoffice/users",
		"/%2562ackoffice/users":             "/backoffice/users",
		"/x/%252e%252e/backoffice/users":    "/backoffice/users",
		"/x/%252e%252e%253b/backoffice/u":   "/backoffice/u",
		`/a\..\backoffice/users`:            "/backoffice/users",
		"/a%5c..%5Cbackoffice/users":        "/backoffice/users",
		"/a%255c..%255cbackoffice/users":    "/backoffice/users",
		"/backoffice/users/.":               "/backoffice/users/",
		"/backoffice/users/x/..":            "/backoffice/users/",
		"/backoffice/users/x/..;":           "/backoffice/users/",
		"/backoffice//../users":             "/backoffice/users",
		"/public/x%2fy/../../backoffice/u":  "/backoffice/u",
		"/../backoffice/users":              "/backoffice/users",
		"http://shop.example":               "/",
		"*":                                 "/*",
		"/backoffice%2fusers":               "/backoffice%2fusers",
		"/backoffice/users;v=1;w=2/..;/a;b": "/backoffice/a",
	} {
		u := parse(t, target)
		readings, known := Readings(u)
		if !known {
			t.Errorf("%s: readings are not known", target)
		}
		if want == "" && len(readings) > 0 || want != "" && !slices.Contains(readings, want) {
			t.Errorf("%s: got %q, want %q among them", target, readings, want)
		}
		if slices.Contains(readings, u.Path) {
			t.Errorf("%s: the path itself is no other reading", target)
		}
	}
}

func TestReadingsOfPlainPaths(t *testing.T) {
	for _, target := range []string{
		"/", "/a", "/a/", "/a/b.c/..d/.e/f../...", "/caf%C3%A9", "/a%20b", "/a+b,c=d@e!f", "/x?y=;//..%2f",
	} {
		if readings, known := Readings(parse(t, target)); len(readings) > 0 || !known {
			t.Errorf("%s: got %q", target, readings)
		}
	}
	u := parse(t, "/account/orders/7")
	if count := testing.AllocsPerRun(100, func() { _, _ = Readings(u) }); count > 0 {
		t.Errorf("a plain path costs %v allocations", count)
	}
}

// Who sends a path with very many readings, or a very long one, must not pass because they were not all tried.
func TestReadingsHaveBounds(t *testing.T) {
	long := "/" + strings.Repeat("a;/", longest)
	if readings, known := Readings(parse(t, long)); len(readings) > 0 || known {
		t.Errorf("a long path: %d readings, known: %v", len(readings), known)
	}
	if _, known := Readings(parse(t, "/"+strings.Repeat("a", 2*longest))); !known {
		t.Error("a long path that is plain has no other readings")
	}
	worst := `/a%252f%2e%2e%3b//..%5c..;\%255c..%252f;x%3b/%2e/..\b//..;c%2f..%252e/`
	readings, known := Readings(parse(t, worst))
	if known && len(readings) > mostReadings || !known && len(readings) > 0 {
		t.Errorf("%d readings, known: %v", len(readings), known)
	}
}

func TestToggled(t *testing.T) {
	for from, want := range map[string]string{"/a": "/a/", "/a/": "/a", "/a/b": "/a/b/", "/": "", "": ""} {
		if got, ok := Toggled(from); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", from, got, ok)
		}
	}
}

var parameters = regexp.MustCompile(`;[^/]*`)

// A server is any order of the steps, each written here a second time with what the standard library has.
var steps = []func(string) string{
	func(text string) string { return parameters.ReplaceAllString(text, "") },
	func(text string) string { return strings.ReplaceAll(text, `\`, "/") },
	func(text string) string {
		cleaned := path.Clean(text)
		if cleaned != "/" && regexp.MustCompile(`/\.{0,2}$`).MatchString(text) {
			cleaned += "/"
		}
		return cleaned
	},
}

func FuzzReadings(f *testing.F) {
	for _, seed := range []string{
		"/a/..;/backoffice/users", "/backoffice%2fusers", "/x/%252e%252e/b", `/a\..\b//c/.`, "/%2e%2e;a/%5c..%2f;", "*", "/;/;/..",
	} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, target string, order uint64) {
		u := parse(t, target)
		readings, known := Readings(u)
		if !known {
			return
		}
		if !strings.ContainsAny(u.Path, `%;\`) && strings.HasPrefix(u.Path, "/") {
			if want := steps[2](u.Path); want != u.Path && !slices.Contains(readings, want) {
				t.Errorf("%q: got %q, want what path.Clean makes of it: %q", target, readings, want)
			}
		}
		random := rand.New(rand.NewPCG(order, 0))
		read, decoded := u.EscapedPath(), 0
		if !strings.HasPrefix(read, "/") {
			read = "/" + read
		}
		for range 8 {
			if choice := random.IntN(len(steps) + 1); choice < len(steps) {
				read = steps[choice](read)
			} else if text, err := url.PathUnescape(read); err == nil && decoded < 2 {
				read = text
				decoded++
			}
		}
		if decoded > 0 && read != u.Path && !slices.Contains(readings, read) {
			t.Errorf("%q: a server reads %q, which is not among %q", target, read, readings)
		}
		for _, reading := range readings {
			if !strings.HasPrefix(reading, "/") {
				t.Errorf("%q: the reading %q has no root", target, reading)
			}
		}
	})
}
