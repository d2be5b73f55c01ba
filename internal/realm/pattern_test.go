package realm

import (
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, text string) Pattern {
	t.Helper()
	parsed, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// from returns a function that knows these values.
func from(values map[string]string) func(string) string {
	return func(placeholder string) string { return values[placeholder] }
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":            "must be letters",
		"a.b":         "must be letters",
		"a b":         "must be letters",
		"a{}":         "without a name",
		"{host}{}":    "without a name",
		"{host":       "not closed",
		"{ho{st}":     "not closed",
		"host}":       "beside its placeholders",
		"}{":          "not closed",
		"{host}}":     "beside its placeholders",
		"a b{host}":   "beside its placeholders",
		"{host}/":     "beside its placeholders",
		`\{host}`:     "beside its placeholders",
		"{a}é{b}":     "beside its placeholders",
		"{a}{b}":      "side by side",
		"x{a}{b}-{c}": "side by side",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ pattern, host, x, want string }{
		{"shop", "", "", "shop"},
		{"Shop", "A", "", "Shop"},
		{"{http.request.host}", "A.Example.", "", "a.example"},
		{"Shop-{http.request.host}-EU", "A.Example.:80", "", "shop-a.example-eu"},
		{"shop-{http.request.host}", "[::1]", "", "shop---1"},
		{"{http.request.host}-{x}", "a.example", "B-c.", "a.example-b-c"},
		{"{x}_{http.request.host}", "my_app", "b-c", "b-c_my_app"},
		{"{http.request.host.labels.1}", "a.example", "", "a"},
		{"{http.request.host.labels.1}", "A.example.", "", "a"},
		{"{http.request.host.labels.1}", "a.example:80", "", "a"},
		{"{http.request.host.labels.1}", "caf\u00e9.example.", "", "xn--caf-dma"},
		{"t-{http.request.host.labels.0}", "[0::1]", "", "t---1"},
		{"{http.request.host.labels.1}.{http.request.host.labels.0}", "x.a-b.example.", "", "a-b.example"},
	} {
		pattern := mustParse(t, test.pattern)
		got, err := pattern.Resolve(from(map[string]string{"http.request.host": test.host, "x": test.x}))
		if err != nil || got != test.want || !pattern.Matches(got) {
			t.Errorf("%s of %q and %q: got %q, %v, want %q", test.pattern, test.host, test.x, got, err, test.want)
		}
	}
	for _, test := range []struct{ pattern, host, x string }{
		{"{http.request.host}", "", ""},
		{"{http.request.host}", "a b", ""},
		{"{http.request.host}-{x}", "a.example", ""},
		{"{http.request.host}-{x}", "a-b.example", "c"}, // a and b.example-c would be the same
		{"{http.request.host}--{x}", "a-", "c"},
		{"{x}.{http.request.host}", "a", "b.c"},
		{"{http.request.host.labels.2}", "a.example", ""},
		{"{http.request.host.labels.2}", "a.example.", ""},
		{"{http.request.host.labels.-1}", "a.example", ""},
		{"{http.request.host.labels.x}", "a.example", ""},
		{"{http.request.host.labels.0}", "a..", ""},
		{"{x}", "", strings.Repeat("a", maxName+1)},
		{"shop-{x}", "", strings.Repeat("a", maxName-4)},
	} {
		got, err := mustParse(t, test.pattern).Resolve(from(map[string]string{"http.request.host": test.host, "x": test.x}))
		if err == nil || got != "" || test.x != "" && len(test.x) > 9 && strings.Contains(err.Error(), test.x) {
			t.Errorf("%s of %q and %q: got %q, %v", test.pattern, test.host, test.x, got, err)
		}
	}
}

func TestMatchesAndSpelled(t *testing.T) {
	for _, test := range []struct {
		pattern, name, spelled string // empty: no request has such a realm
	}{
		{"shop", "shop", "shop"},
		{"shop", "Shop", ""},
		{"shop", "", ""},
		{"Shop-{h}-EU", "shop-a.example-eu", "shop-a.example-eu"},
		{"Shop-{h}-EU", "SHOP-A.example-eu", "shop-a.example-eu"},
		{"shop-{h}", "shop-a.example.", "shop-a.example"},
		{"shop-{h}", "shop-a.example:80", "shop-a.example"},
		{"shop-{h}", "shop-caf\u00e9", "shop-xn--caf-dma"},
		{"shop-{h}", "shop-[::1]", "shop---1"},
		{"shop-{h}", "shop---1", "shop---1"},
		{"shop-{h}", "shop-FE80--1", "shop-fe80--1"},
		{"shop-{h}", "shop-fe80-0--1", "shop-fe80-0--1"}, // a name: no address becomes that
		{"shop-{h}", "shop-", ""},
		{"shop-{h}", "shop", ""},
		{"shop-{h}", "shop-a b", ""},
		{"shop-{h}", "shop-{h}", ""},
		{"ab{h}ba", "aba", ""},
		{"ab{h}ba", "abxba", "abxba"},
		{"{a}-{b}", "x-y-z", "x-y-z"},
		{"{a}-{b}", "x.-y", "x-y"},
		{"{a}-{b}", "xy", ""},
		{"{a}-{b}", "-y", ""},
	} {
		pattern := mustParse(t, test.pattern)
		spelled, ok := pattern.Spelled(test.name)
		if spelled != test.spelled && test.spelled != "" || ok != (test.spelled != "") {
			t.Errorf("%s, %q: spelled %q, %v, want %q", test.pattern, test.name, spelled, ok, test.spelled)
		}
		if pattern.Matches(test.name) != (test.spelled != "" && test.name == test.spelled) {
			t.Errorf("%s, %q: matches is wrong", test.pattern, test.name)
		}
	}
	if (Pattern{}).Matches("") || (Pattern{}).Matches("x") || (Pattern{}).Dynamic() {
		t.Error("the zero pattern matches")
	}
}

func TestExamplesMatch(t *testing.T) {
	for _, text := range []string{"shop", "Shop", "{h}", "shop-{h}", "{a}-{b}_{c}.x"} {
		pattern := mustParse(t, text)
		if name := pattern.Example(); !pattern.Matches(name) || *pattern.Placeholder(name) != name {
			t.Errorf("%s: %q does not match", text, name)
		}
	}
}

// Two rows of values make one realm only if they are spellings of the same.
func FuzzResolve(f *testing.F) {
	f.Add("{a}-{b}", "a-b", "c", "a", "b-c")
	f.Add("{a}.{b}", "A.", "c.", "a", "C")
	f.Add("x{a}--{b}y", "a-", "b", "a", "-b")
	f.Add("{http.request.host.labels.1}_{a}", "a.b", "::1", "a_b", "--1")
	f.Fuzz(func(t *testing.T, text, a, b, otherA, otherB string) {
		pattern, err := Parse(text)
		if err != nil {
			return
		}
		normals := func(a, b string) (string, []string, bool) {
			value := from(map[string]string{"a": a, "b": b, hostPlaceholder: a})
			name, err := pattern.Resolve(value)
			if err != nil {
				return "", nil, false
			}
			if !pattern.Matches(name) || pattern.Dynamic() && name != strings.ToLower(name) || !IsText(name) {
				t.Fatalf("%s of %q, %q: %q does not match", text, a, b, name)
			}
			row := make([]string, 0, len(pattern.placeholders))
			for _, placeholder := range pattern.placeholders {
				one, err := resolveOne(placeholder, value)
				if err != nil {
					t.Fatal(err)
				}
				row = append(row, one)
			}
			return name, row, true
		}
		name, row, ok := normals(a, b)
		other, otherRow, otherOK := normals(otherA, otherB)
		if ok && otherOK && (name == other) != slices.Equal(row, otherRow) {
			t.Fatalf("%s: %q and %q make %q and %q", text, row, otherRow, name, other)
		}
	})
}
