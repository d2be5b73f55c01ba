package validator

import (
	"slices"
	"testing"
)

func TestSpellings(t *testing.T) {
	session, err := NewSessionCookies("sid")
	if err != nil {
		t.Fatal(err)
	}
	const id, signed = "0123456789abcdef", "s%3A0123456789abcdef.x%2Fy"
	for _, test := range []struct {
		value, other string
		want         bool
	}{
		{`"` + id + `"`, id, true},
		{"%30123456789abcdef", id, true},
		{"%2530123456789abcdef", id, true},
		{`%22` + id + `%22`, id, true},
		{`"%30123456789abcdef"`, id, true},
		{"s%3a0123456789abcdef.x%2fy", signed, true},
		{"s%253A0123456789abcdef.x%252Fy", signed, true},
		{signed, "s:0123456789abcdef.x/y", true},
		{signed, signed, false}, // that is no other one
		{"%73%3A0123456789abcdef.x%2Fy", signed, true},
		{"s:0123456789abcdef.x/y", signed, true},
		{"s:0123456789abcdef.x%2Fy", signed, true},
		{"0123456789 abcdef(x)", "0123456789%20abcdef(x)", true},   // as Express escapes
		{"0123456789 abcdef(x)", "0123456789+abcdef%28x%29", true}, // as PHP does
		{`"0123456789abcdex"`, id, false},
		{"%300123456789abcdef", id, false},
		{"%zz" + id, id, false},
	} {
		read := func(value string) SessionCredential { return session.Read(Cookies{{Name: "sid", Value: value}}) }
		if credential := read(test.value); !credential.MayBeSpelling() {
			t.Errorf("%s: it may be no spelling", test.value)
		}
		hashes := session.Spellings(Cookies{{Name: "other", Value: "%"}, {Name: "sid", Value: test.value}})
		if got := slices.Contains(hashes, read(test.other).Hash); got != test.want {
			t.Errorf("%s could be %s: %t, want %t", test.value, test.other, got, test.want)
		}
	}
	if session.Read(Cookies{{Name: "sid", Value: id}}).MayBeSpelling() || session.Read(nil).MayBeSpelling() {
		t.Error("a plain value is no spelling of another one")
	}
}
