package realm

import (
	"regexp"
	"strings"
	"testing"
)

func TestMeet(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"shop", "shop", false}, // the same realm
		{"{h}", "{h}", false},
		{"shop", "blog", false},
		{"shop", "Shop", false},
		{"{h}", "shop", true},
		{"{h}", "Shop", false}, // in a request it is in lower case
		{"shop-{h}", "shop-admin", true},
		{"shop-{h}", "shop-", false}, // a value is not empty
		{"shop-{h}", "shop", false},
		{"shop-{h}", "shops", false},
		{"Shop-{h}", "shop-admin", true},
		{"{h}-shop", "admin-shop", true},
		{"{h}-shop", "shop-admin", false},
		{"a{h}b", "ab", false},
		{"a{h}b", "axb", true},
		{"ab{h}ba", "aba", false},
		{"{h}", "shop-{h}", true},
		{"{h}", "{i}", true},
		{"{h}-x", "y-{h}", true},
		{"shop-{h}", "blog-{h}", false},
		{"shop-{h}", "shop-eu-{h}", true},
		{"shop-{h}", "shop{h}", true},
		{"shop-{h}", "Shop-{h}", true},
		{"shop-{h}-a", "shop-{h}-b", false},
		{"{a}-{b}", "shop", false},
		{"{a}-{b}", "sh-op", true},
		{"{a}_{b}", "{a}-{b}", true},
		{"x{a}_{b}", "y{a}-{b}", false},
	} {
		a, b := mustParse(t, test.a), mustParse(t, test.b)
		if Meet(a, b) != test.want || Meet(b, a) != test.want {
			t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
		}
	}
}

func TestCheckApartNamesBothAndTheWayOut(t *testing.T) {
	fixed, dynamic, other := mustParse(t, "shop"), mustParse(t, "{h}"), mustParse(t, "{i}-x")
	for _, test := range []struct {
		a, b Pattern
		want string
	}{
		{dynamic, fixed, "the realm {h} can take the name of the realm shop (Caddyfile:3),"},
		{fixed, dynamic, "the realm {h} (Caddyfile:3) can take the name of the realm shop,"},
		{fixed, dynamic, "such as site-{h}"},
		{dynamic, other, "the realm {h} can take the name of the realm {i}-x (Caddyfile:3),"},
		{dynamic, other, "write both alike"},
	} {
		if err := CheckApart(test.a, test.b, "Caddyfile:3"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s and %s: got %v, want %s", test.a, test.b, err, test.want)
		}
	}
	if err := CheckApart(fixed, mustParse(t, "blog"), ""); err != nil {
		t.Error(err)
	}
}

// The decision against all names that there are, of an alphabet of two letters.
func FuzzMeet(f *testing.F) {
	for _, seed := range [][2]string{{"{h}", "ab"}, {"a{h}", "{h}b"}, {"a{h}b{i}", "ab{h}a"}, {"A{h}", "a{i}"}, {"{h}b{i}a", "aab{h}"}} {
		f.Add(seed[0], seed[1])
	}
	var names []string
	for length := 1; length <= 10; length++ {
		for bits := range 1 << length {
			name := make([]byte, length)
			for i := range name {
				name[i] = "ab"[bits>>i&1]
			}
			names = append(names, string(name))
		}
	}
	placeholder := regexp.MustCompile(`\{[^}]*\}`)
	f.Fuzz(func(t *testing.T, one, other string) {
		a, errA := Parse(one)
		b, errB := Parse(other)
		if errA != nil || errB != nil || one == other || strings.Trim(one+other, "abABhi{}") != "" || len(a.elements())+len(b.elements()) > 10 {
			return
		}
		expression := func(p Pattern) *regexp.Regexp {
			text := p.text
			if p.Dynamic() {
				text = strings.ToLower(text)
			}
			return regexp.MustCompile("^" + placeholder.ReplaceAllString(text, "[ab]+") + "$")
		}
		matchA, matchB := expression(a), expression(b)
		want := false
		for _, name := range names {
			want = want || matchA.MatchString(name) && matchB.MatchString(name)
		}
		if fixed := a.text; !a.Dynamic() && !b.Dynamic() {
			want = fixed == b.text
		}
		// h and i beside the placeholders are letters that the names above do not have.
		if strings.ContainsAny(placeholder.ReplaceAllString(one+other, ""), "hi") {
			return
		}
		if Meet(a, b) != want {
			t.Fatalf("%s and %s: want %v", one, other, want)
		}
	})
}
