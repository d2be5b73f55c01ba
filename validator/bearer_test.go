package validator

import (
	"slices"
	"strings"
	"testing"
)

func TestCutBearer(t *testing.T) {
	for line, want := range map[string]string{
		"Bearer a": "a", "bearer a": "a", "BEARER  a ": "a", "Bearer\ta": "a", " Bearer a": "a", "Bearer a b": "a b", "Bearer a,b": "a,b",
		"": "", "Bearer": "", "Bearer ": "", "Basic a": "", "Bearera": "", "Bearer: a": "", "BearerToken a": "", "DPoP a": "",
	} {
		if got, ok := CutBearer(line); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", line, got, ok)
		}
	}
}

func TestReadBearer(t *testing.T) {
	keys := mustSet(t, mustKey(t, "a"))
	verifier := NewVerifier(NewKeyRing(keys), nil)
	credential := credentialOf(t, "sid=abc", "sid")
	ours := mint(t, testMinter(keys), testSession(credential), credential)
	other := mint(t, testMinter(keys), testSession(credential), credential)
	header := func(text string) string { return encode64([]byte(text)) }
	const id = "a"
	for _, test := range []struct {
		name  string
		lines []string
		want  Presence
		kept  []string
	}{
		{"none", nil, Absent, nil},
		{"ours", []string{"Bearer " + ours}, Present, nil},
		{"in other letters", []string{"bEARER   " + ours}, Present, nil},
		{"ours twice", []string{"Bearer " + ours, "Bearer " + ours}, Present, nil},
		{"two of ours", []string{"Bearer " + ours, "Bearer " + other}, Unusable, nil},
		{"ours and another scheme", []string{"Bearer " + ours, "Basic YTpi"}, Unusable, []string{"Basic YTpi"}},
		{"another scheme and ours", []string{"Basic YTpi", "Bearer " + ours}, Unusable, []string{"Basic YTpi"}},
		{"ours and the application's", []string{"Bearer opaque", "Bearer " + ours}, Unusable, []string{"Bearer opaque"}},
		{"ours in a list", []string{"Bearer " + ours + ", Basic YTpi"}, Present, nil},
		{"ours, altered", []string{"Bearer " + ours + "x"}, Present, nil},
		{"our kid, and a header that we refuse", []string{"Bearer " + header(`{"alg":"none","kid":"`+id+`","crit":["b64"]}`) + ".e30."}, Present, nil},
		{"our kid, five parts", []string{"Bearer " + header(`{"alg":"dir","kid":"`+id+`"}`) + "....."}, Present, nil},
		{"another scheme", []string{"Basic YTpi"}, Absent, []string{"Basic YTpi"}},
		{"opaque", []string{"Bearer 1234"}, Absent, []string{"Bearer 1234"}},
		{"another kid", []string{"Bearer " + header(`{"alg":"HS256","kid":"theirs"}`) + ".e30.AA"}, Absent, []string{"Bearer " + header(`{"alg":"HS256","kid":"theirs"}`) + ".e30.AA"}},
		{"no kid", []string{"Bearer " + header(`{"alg":"HS256"}`) + ".e30.AA"}, Absent, []string{"Bearer " + header(`{"alg":"HS256"}`) + ".e30.AA"}},
		{"a kid that is no text", []string{"Bearer " + header(`{"kid":["`+id+`"]}`) + ".e30.AA"}, Absent, []string{"Bearer " + header(`{"kid":["`+id+`"]}`) + ".e30.AA"}},
		{"a header that is none", []string{"Bearer a.b.c"}, Absent, []string{"Bearer a.b.c"}},
		{"a header without end", []string{"Bearer " + strings.Repeat("A", 1<<14) + ".b.c"}, Absent, []string{"Bearer " + strings.Repeat("A", 1<<14) + ".b.c"}},
	} {
		if len(test.lines) == 1 && test.want == Present && !NamesKey(test.lines[0]) {
			t.Errorf("%s: it names a key", test.name)
		}
		t.Run(test.name, func(t *testing.T) {
			sent := slices.Clone(test.lines)
			credential, kept := verifier.ReadBearer(test.lines)
			if credential.Presence != test.want || !slices.Equal(kept, test.kept) {
				t.Errorf("got %v and %d lines, want %v and %d", credential, len(kept), test.want.word(), len(test.kept))
			}
			if !slices.Equal(sent, test.lines) {
				t.Error("the lines that were given have changed")
			}
			if (credential.raw() != "") != (test.want == Present) {
				t.Error("a credential that is not present has a text, or the other way round")
			}
		})
	}
	if credential, _ := (&Verifier{}).ReadBearer([]string{"Bearer " + ours}); credential.Presence != Absent {
		t.Errorf("without keys: %v", credential)
	}
}

// Whatever a client sends: what is kept came from the client, in its order, and only a Bearer line is taken away.
func FuzzReadBearer(f *testing.F) {
	keys := mustSet(f, mustKey(f, "a"))
	cached := NewVerifier(NewKeyRing(keys), NewCache(10))
	session := credentialOf(f, "sid=abc", "sid")
	token := mint(f, testMinter(keys), testSession(session), session)
	f.Add("Bearer "+token, "")
	f.Add("Basic YTpi", "bearer "+token)
	f.Add("Bearer a.b.c", "Bearer "+token+", Basic YTpi")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		credential, kept := cached.ReadBearer(lines)
		for _, line := range lines {
			if _, isBearer := CutBearer(line); !isBearer && !slices.Contains(kept, line) {
				t.Error("a line that is no Bearer credential was taken away")
			}
		}
		if (credential.Presence == Absent) != (len(kept) == len(lines)) {
			t.Errorf("%v, and %d of %d lines are left", credential, len(kept), len(lines))
		}
		if credential.Presence == Present && first != second {
			t.Error("two lines that differ made one credential")
		}
	})
}

func BenchmarkReadBearer(b *testing.B) {
	keys := mustSet(b, mustKey(b, "a"))
	credential := credentialOf(b, "sid=abc", "sid")
	token := mint(b, testMinter(keys), testSession(credential), credential)
	for name, lines := range map[string][]string{
		"none": nil, "ours": {"Bearer " + token}, "another": {"Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6InRoZWlycyJ9.e30.AA"},
	} {
		b.Run(name, func(b *testing.B) {
			verifier := NewVerifier(NewKeyRing(keys), NewCache(10))
			verifier.Verify(tokenOf(token), testNow, testRoute())
			b.ReportAllocs()
			for b.Loop() {
				verifier.ReadBearer(lines)
			}
		})
	}
}
