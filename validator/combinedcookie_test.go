package validator

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitCombined(t *testing.T) {
	for _, test := range []struct{ value, id, token string }{
		{"", "", ""},
		{"abc", "abc", ""},
		{"sid=abc&jwt=a.b.c", "abc", "a.b.c"},
		{"sid=abc&jwt=", "abc", ""},
		{"sid=&jwt=a.b.c", "", "a.b.c"},
		{"sid=&jwt=", "", ""},
		{"sid=a&jwt=b&jwt=a.b.c", "a&jwt=b", "a.b.c"},
		{"sid=sid=a&jwt=b&jwt=", "sid=a&jwt=b", ""},
		{"sid=sid=a&jwt=a.b.c", "sid=a", "a.b.c"},
		{"sid=abc", "sid=abc", ""},
		{"abc&jwt=a.b.c", "abc&jwt=a.b.c", ""},
		{`"sid=abc&jwt=a.b.c"`, `"sid=abc&jwt=a.b.c"`, ""},
		{"SID=abc&jwt=a.b.c", "SID=abc&jwt=a.b.c", ""},
		{"sid=abc&JWT=a.b.c", "sid=abc&JWT=a.b.c", ""},
		{"sid=a%26jwt%3Db&jwt=a.b.c", "a%26jwt%3Db", "a.b.c"},
		{"jwt=a.b.c&sid=abc", "jwt=a.b.c&sid=abc", ""},
	} {
		if id, token := SplitCombined(test.value); id != test.id || token != test.token {
			t.Errorf("%q: got %q and %q, want %q and %q", test.value, id, token, test.id, test.token)
		}
	}
}

// A session id that looks like a combined value must come back as it was, with a token and without.
func TestJoinCombined(t *testing.T) {
	for _, test := range []struct{ id, token, want string }{
		{"abc", "", "abc"},
		{"abc", "a.b.c", "sid=abc&jwt=a.b.c"},
		{"sid=abc", "", "sid=abc"},
		{"a&jwt=b", "", "a&jwt=b"},
		{"sid=a&jwt=b", "", "sid=sid=a&jwt=b&jwt="},
		{"sid=a&jwt=b", "a.b.c", "sid=sid=a&jwt=b&jwt=a.b.c"},
		{"", "a.b.c", "sid=&jwt=a.b.c"},
	} {
		if got := JoinCombined(test.id, test.token); got != test.want {
			t.Errorf("%q and %q: got %q, want %q", test.id, test.token, got, test.want)
		}
	}
}

func TestSplitCookies(t *testing.T) {
	for _, test := range []struct {
		name   string
		lines  []string
		plain  []string
		tokens Cookies
	}{
		{"none", nil, nil, nil},
		{"plain", []string{"a=1; session=abc"}, []string{"a=1; session=abc"}, nil},
		{
			"among others",
			[]string{"a=1;session=sid=abc&jwt=x.y.z ;  b=sid=2&jwt=3"},
			[]string{"a=1;session=abc ;  b=sid=2&jwt=3"},
			Cookies{{"session", "x.y.z"}},
		},
		{
			"white space and odd bytes",
			[]string{"\tsession = \tsid=a b\"\xff&jwt=x ; c=sid=session"},
			[]string{"\tsession = \ta b\"\xff ; c=sid=session"},
			Cookies{{"session", "x"}},
		},
		{
			"twice, in two lines",
			[]string{"session=sid=abc&jwt=x", "z=1", "session=sid=abc&jwt=y; session=abc"},
			[]string{"session=abc", "z=1", "session=abc; session=abc"},
			Cookies{{"session", "x"}, {"session", "y"}},
		},
		{"no token in it", []string{"session=sid=abc&jwt="}, []string{"session=abc"}, nil},
		{"no session in it", []string{"session=sid=&jwt=x"}, []string{"session="}, Cookies{{"session", "x"}}},
		{"an id inside of an id", []string{"session=sid=sid=a&jwt=b&jwt="}, []string{"session=sid=a&jwt=b"}, nil},
		{
			"other names",
			[]string{"Session=sid=a&jwt=b; session2=sid=a&jwt=b; =sid=a&jwt=b; sid=a&jwt=b"},
			[]string{"Session=sid=a&jwt=b; session2=sid=a&jwt=b; =sid=a&jwt=b; sid=a&jwt=b"},
			nil,
		},
		{
			"more than is read",
			[]string{strings.Repeat("a=1;", 180) + "session=sid=a&jwt=b"},
			[]string{strings.Repeat("a=1;", 180) + "session=sid=a&jwt=b"},
			nil,
		},
	} {
		given := slices.Clone(test.lines)
		plain, tokens := SplitCookies(given, func(name string) bool { return name == "session" })
		if !slices.Equal(plain, test.plain) || !slices.Equal(tokens, test.tokens) {
			t.Errorf("%s: got %q and %q, want %q and %q", test.name, plain, tokens, test.plain, test.tokens)
		}
		if !slices.Equal(given, test.lines) {
			t.Errorf("%s: the given lines were changed to %q", test.name, given)
		}
	}
}

// What is put together is taken apart into the same, whatever the id, and nothing else is taken apart into it by chance.
func FuzzCombinedCookie(f *testing.F) {
	f.Add("abc", "x.y.z")
	f.Add("sid=a&jwt=b", "")
	f.Add("sid=sid=a&jwt=b&jwt=", "x")
	f.Add("&jwt=", "")
	f.Add("sid=&jwt", "=")
	f.Fuzz(func(t *testing.T, id, token string) {
		if strings.Contains(token, combinedMark) {
			return // no token of ours
		}
		value := JoinCombined(id, token)
		if gotID, gotToken := SplitCombined(value); gotID != id || gotToken != token {
			t.Fatalf("%q and %q became %q, and that %q and %q", id, token, value, gotID, gotToken)
		}
		if token == "" && value != id && !strings.HasPrefix(id, combinedPrefix) {
			t.Fatalf("%q was changed to %q without need", id, value)
		}
	})
}

// Splitting whole Cookie lines changes nothing but the values of the named cookies.
func FuzzSplitCookies(f *testing.F) {
	f.Add("session=sid=abc&jwt=x; a=1", "session=sid=abc&jwt=y")
	f.Add("session = sid=a=b;c&jwt= ;session", " ;;=&jwt=")
	f.Add("sid=&jwt=; session=sid=&jwt=", "\tsession=sid=\t&jwt=\t;")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		isCombined := func(name string) bool { return name == "session" }
		plain, tokens := SplitCookies(lines, isCombined)
		before, err := ScanCookies(lines)
		if err != nil {
			if !slices.Equal(plain, lines) || tokens != nil {
				t.Fatal("lines that are not read were split")
			}
			return
		}
		var wantPairs, wantTokens Cookies
		for _, cookie := range before {
			if isCombined(cookie.Name) {
				id, token := SplitCombined(cookie.Value)
				cookie.Value = strings.Trim(id, " \t")
				if token != "" {
					wantTokens = append(wantTokens, Cookie{Name: cookie.Name, Value: token})
				}
			}
			wantPairs = append(wantPairs, cookie)
		}
		if got := mustScan(t, plain); !slices.Equal(got, wantPairs) {
			t.Fatalf("got %q, want %q", got, wantPairs)
		}
		if !slices.Equal(tokens, wantTokens) {
			t.Fatalf("got the tokens %q, want %q", tokens, wantTokens)
		}
		if len(plain[0])+len(plain[1]) > len(first)+len(second) {
			t.Fatal("the lines grew")
		}
	})
}
