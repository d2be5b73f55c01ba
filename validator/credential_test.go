package validator

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestReadToken(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Presence
		text       string
	}{
		{"none", "a=1", Absent, ""},
		{"one", "a=1; jwt=x.y.z", Present, "x.y.z"},
		{"twice the same", "jwt=x; jwt=x", Present, "x"},
		{"two that differ", "jwt=x; jwt=y", Unusable, ""},
		{"two that differ, one empty", "jwt=; jwt=y", Unusable, ""},
		{"two that differ, the second empty", "jwt=y; jwt=", Unusable, ""},
		{"three, the last differs", "jwt=x; jwt=x; jwt=y", Unusable, ""},
		{"empty", "jwt=", Absent, ""},
		{"empty twice", "jwt=; jwt=", Absent, ""},
		{"blanks around", "jwt= x ", Present, "x"},
		{"quotes are a part", `jwt="x"`, Present, `"x"`},
		{"another case", "JWT=x", Absent, ""},
		{"a prefix", "jwt2=x", Absent, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ReadToken(mustScan(t, []string{c.line}), "jwt")
			if got.Presence != c.want || got.raw() != c.text {
				t.Errorf("got %v %q, want presence %d %q", got, got.raw(), c.want, c.text)
			}
		})
	}
	if got := ReadToken(Cookies{{"", "x"}, {"", "y"}}, ""); got.Presence != Unusable {
		t.Errorf("two cookies without a name that differ are %v", got)
	}
}

func TestReadSession(t *testing.T) {
	one, set, pattern := []string{"sid"}, []string{"sid", "user"}, []string{"wp_*", "sid"}
	for _, c := range []struct {
		name   string
		names  []string
		line   string
		want   Presence
		reason Reason
		id     string
	}{
		{"none", one, "a=1", Absent, "", ""},
		{"one: its value", one, "a=1; sid=abc", Present, "", "abc"},
		{"as it stands", one, `sid="a%20b"`, Present, "", `"a%20b"`},
		{"equals signs", one, "sid=a=b==", Present, "", "a=b=="},
		{"twice the same", one, "sid=abc; sid=abc", Present, "", "abc"},
		{"two values", one, "sid=abc; sid=abd", Unusable, SessionAmbiguous, ""},
		{"two values, one empty", one, "sid=; sid=abd", Unusable, SessionAmbiguous, ""},
		{"empty is none", one, "sid=", Absent, "", ""},
		{"another case", one, "SID=abc", Absent, "", ""},
		{"a set, in the configured order", set, "user=u; x=1; sid=s", Present, "", "sid=s\nuser=u"},
		{"a set, none", set, "a=1", Absent, "", ""},
		{"a set, all empty", set, "sid=; user=", Absent, "", ""},
		{"a part of a set", set, "sid=s", Unusable, SessionIncomplete, ""},
		{"the other part", set, "user=u", Unusable, SessionIncomplete, ""},
		{"a part empty", set, "sid=s; user=", Unusable, SessionIncomplete, ""},
		{"a set, one twice", set, "sid=s; user=u; user=v", Unusable, SessionAmbiguous, ""},
		{"a set, one missing and one twice", set, "user=u; user=v", Unusable, SessionAmbiguous, ""},
		{"a pattern, with the name that came", pattern, "sid=s; wp_1=a", Present, "", "wp_1=a\nsid=s"},
		{"a pattern alone: the value", []string{"wp_*"}, "wp_77=a", Present, "", "a"},
		{"a pattern, nothing behind", []string{"wp_*"}, "wp_=a", Present, "", "a"},
		{"a pattern, twice the same", []string{"wp_*"}, "wp_1=a; wp_1=a", Present, "", "a"},
		{"a pattern, two cookies", []string{"wp_*"}, "wp_1=a; wp_2=a", Unusable, SessionAmbiguous, ""},
		{"a pattern, two cookies, one empty", []string{"wp_*"}, "wp_1=a; wp_2=", Unusable, SessionAmbiguous, ""},
		{"a pattern, none", []string{"wp_*"}, "wp=a; xwp_1=b", Absent, "", ""},
		{"a star is a letter inside", []string{"w*p"}, "w*p=a; wxp=b", Present, "", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := credentialOf(t, c.line, c.names...)
			if got.Presence != c.want || got.Reason != c.reason || got.raw() != c.id {
				t.Fatalf("got %v %q, want presence %d %q %q", got, got.raw(), c.want, c.reason, c.id)
			}
			want := sessions.Hash{}
			if c.want == Present {
				want = sessions.HashOf(c.id)
			}
			if got.Hash != want {
				t.Errorf("got hash %s, want %s", got.Hash, want)
			}
		})
	}
	if got := (SessionCookies{}).Read(Cookies{{"", "x"}, {"sid", "y"}}); got.Presence != Absent {
		t.Errorf("without names there is a session: %v", got)
	}
}

func TestNewSessionCookies(t *testing.T) {
	for _, names := range [][]string{
		{"sid"},
		{"sid", "user"},
		{"SID", "sid"},
		{"wp_*", "sid"},
		{"__Host-sid"},
		{"a*b", "a"},
		{"ab*", "ac*"},
		{".AspNetCore.Cookies**"},
		{"ab**", "ac**"},
		{"ab**", "ac*", "sid"},
	} {
		cookies, err := NewSessionCookies(names...)
		if err != nil || !slices.Equal(cookies.Names(), names) {
			t.Errorf("%q: %q, %v", names, cookies.Names(), err)
		}
	}
	for _, names := range [][]string{
		nil,
		{""},
		{"*"},
		{"a b"},
		{"a;b"},
		{"a=b"},
		{"é"},
		{"a\x7f"},
		{"a\tb"},
		{`"a"`},
		{"a,b"},
		{"a", "a"},
		{"a*", "a"},
		{"a", "a*"},
		{"ab", "a*"},
		{"a*", "ab"},
		{"a*", "a*"},
		{"a*", "ab*"},
		{"ab*", "a*"},
		{"x", "sid", "s*"},
		{"**"},
		{"a***"},
		{"a**", "a"},
		{"a", "a**"},
		{"a**", "ab*"},
		{"ab", "a**"},
		{"a*", "ab**"},
		{"a**", "a**"},
	} {
		if cookies, err := NewSessionCookies(names...); err == nil || len(cookies.names) != 0 {
			t.Errorf("%q: accepted, error %v", names, err)
		}
	}
	names := []string{"sid"}
	cookies := mustSessionCookies(t, names...)
	names[0] = "other"
	cookies.Names()[0] = "other"
	if !cookies.Match("sid") || cookies.Match("other") {
		t.Error("the caller's slice is a part of it")
	}
}

func TestHashOf(t *testing.T) {
	one, set := mustSessionCookies(t, "sid"), mustSessionCookies(t, "wp_*", "sid")
	got, err := set.HashOf(map[string]string{"sid": "s", "wp_1": "a"})
	if want := credentialOf(t, "sid=s; wp_1=a", "wp_*", "sid").Hash; err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	secret := "s3cr3t"
	for name, c := range map[string]struct {
		cookies SessionCookies
		values  map[string]string
	}{
		"none":                  {one, nil},
		"empty":                 {one, map[string]string{"sid": ""}},
		"a name of no cookie":   {one, map[string]string{"sid": secret, "other": secret}},
		"a part":                {set, map[string]string{"sid": secret}},
		"two of a pattern":      {set, map[string]string{"sid": secret, "wp_1": secret, "wp_2": secret}},
		"blank in front":        {one, map[string]string{"sid": " " + secret}},
		"blank behind":          {one, map[string]string{"sid": secret + "\t"}},
		"semicolon":             {one, map[string]string{"sid": secret + ";"}},
		"line feed":             {one, map[string]string{"sid": secret + "\n"}},
		"carriage return":       {one, map[string]string{"sid": secret + "\r"}},
		"a name with equals":    {set, map[string]string{"sid": secret, "wp_=": secret}},
		"a name with line feed": {set, map[string]string{"sid": secret, "wp_\nx": secret}},
		"a name with blank":     {set, map[string]string{"sid": secret, "wp_ ": secret}},
		"a name with semicolon": {set, map[string]string{"sid": secret, "wp_;": secret}},
	} {
		hash, err := c.cookies.HashOf(c.values)
		if err == nil || hash != (sessions.Hash{}) {
			t.Errorf("%s: got %v, %v", name, hash, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error holds the value: %v", name, err)
		}
	}
}

// What an operator names by its values is what a request brings: the admin API would otherwise end another session.
func TestHashOfIsWhatRequestsBring(t *testing.T) {
	cookies := mustSessionCookies(t, "wp_*", "sid")
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab=;\"\n \té,")), 0, 5, -1)
	rapid.Check(t, func(t *rapid.T) {
		name, pattern, plain := "wp_"+text.Draw(t, "name"), text.Draw(t, "value"), text.Draw(t, "sid")
		hash, err := cookies.HashOf(map[string]string{name: pattern, "sid": plain})
		read := cookies.Read(mustScan(t, []string{"sid=" + plain + "; " + name + "=" + pattern}))
		if err == nil && (read.Presence != Present || read.Hash != hash) {
			t.Fatalf("named %s, read %v %s", hash, read, read.Hash)
		}
	})
}

// Two sets of cookies that differ are two sessions, whatever their values hold.
func TestSessionIDsAreDistinct(t *testing.T) {
	cookies := mustSessionCookies(t, "wp_*", "sid")
	text := rapid.StringOfN(rapid.SampledFrom([]rune("a=\"")), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		type set struct{ name, pattern, plain string }
		draw := func() (set, SessionCredential) {
			s := set{
				"wp_" + rapid.StringMatching(`[ab]{0,2}`).Draw(t, "name"), text.Draw(t, "value"), text.Draw(t, "sid"),
			}
			return s, cookies.Read(mustScan(t, []string{s.name + "=" + s.pattern, "sid=" + s.plain}))
		}
		first, a := draw()
		second, b := draw()
		if a.Presence != Present || b.Presence != Present {
			t.Fatalf("%v and %v", a, b)
		}
		if (first == second) != a.Hash.Equal(b.Hash) {
			t.Fatalf("%q and %q: equal hashes %v", first, second, a.Hash.Equal(b.Hash))
		}
	})
}

func FuzzSessionCookies(f *testing.F) {
	f.Add("sid", "user*", "sid=1; user_x=2")
	f.Add("a*", "b", "a1=x; a2=y; b=")
	f.Add("sid", "sid", "sid=1; sid=2")
	f.Add("*", "", "=")
	f.Add("a**", "b", "a2=ticket-part-2; b=0123456789abcdef; a1=ticket-part-1")
	f.Fuzz(func(t *testing.T, first, second, line string) {
		names, err := NewSessionCookies(first, second)
		if err != nil {
			if len(names.names) != 0 {
				t.Fatal("names beside an error")
			}
			return
		}
		cookies, err := ScanCookies([]string{line})
		if err != nil {
			return
		}
		got := names.Read(cookies)
		matching := slices.DeleteFunc(slices.Clone(cookies), func(c Cookie) bool { return !names.Match(c.Name) })
		switch got.Presence {
		case Present:
			if got.Reason != "" || got.raw() == "" || got.Hash != sessions.HashOf(got.raw()) {
				t.Fatalf("present, but reason %q, id %q", got.Reason, got.raw())
			}
			slices.SortFunc(matching, func(a, b Cookie) int { return strings.Compare(a.Name, b.Name) })
			isChunked := strings.HasSuffix(first, "**") || strings.HasSuffix(second, "**")
			if got := len(slices.Compact(matching)); got < 2 || got > 2 && !isChunked {
				t.Fatalf("present with %q", matching)
			}
		case Absent:
			if got.raw() != "" || slices.ContainsFunc(matching, func(c Cookie) bool { return c.Value != "" }) {
				t.Fatalf("absent with %q", matching)
			}
		default:
			if got.raw() != "" || got.Hash != (sessions.Hash{}) || got.Reason == "" || len(matching) == 0 {
				t.Fatalf("unusable with %q: id %q, reason %q", matching, got.raw(), got.Reason)
			}
		}
	})
}

// A token beside the session cookies changes nothing of what is read, whatever it is bound to.
func FuzzReadBeside(f *testing.F) {
	const id = "0123456789abcdef"
	hash := sessions.HashOf(id)
	f.Add("sid="+id, []byte("\x01"+id))
	f.Add("sid="+id, []byte("\x01"+id+"f"))
	f.Add("sid="+id, append([]byte{sealedHash}, hash[:]...))
	f.Add("sid="+id+"; sid=x", []byte("\x01"+id))
	f.Add("x="+id, []byte("\x01"))
	names := must(NewSessionCookies("sid"))
	f.Fuzz(func(t *testing.T, line string, plain []byte) {
		cookies, err := ScanCookies([]string{line})
		if err != nil {
			return
		}
		bound := boundID(plain)
		session, known := bound.hash()
		if !known {
			return // readClaims refuses it
		}
		got, want := names.ReadBeside(cookies, &Claims{session: session, bound: &bound}), names.Read(cookies)
		if got.Presence != want.Presence || got.Reason != want.Reason || got.Hash != want.Hash || got.raw() != want.raw() {
			t.Fatalf("%q beside a token: %v %x, want %v %x", line, got, got.Hash, want, want.Hash)
		}
	})
}

// Whatever an application may take from ambiguous cookies is among the candidates.
func TestSessionCookiesCandidates(t *testing.T) {
	scan := func(line string) Cookies {
		cookies, err := ScanCookies([]string{line})
		if err != nil {
			t.Fatal(err)
		}
		return cookies
	}
	hash := func(id string) sessions.Hash { return sessions.HashOf(id) }
	for _, test := range []struct {
		names []string
		line  string
		want  []sessions.Hash
	}{
		{[]string{"sid"}, "sid=a; sid=b", []sessions.Hash{hash("a"), hash("b")}},
		{[]string{"sid"}, "sid=a; x=b; sid=", []sessions.Hash{hash("a")}},
		{[]string{"sid"}, "x=b", nil},
		{[]string{"DW*"}, "DW1=a; DW2=b", []sessions.Hash{hash("a"), hash("b")}},
		{[]string{"a", "b"}, "a=1; b=2; b=3", []sessions.Hash{hash("a=1\nb=2"), hash("a=1\nb=3")}},
		{[]string{"a", "b"}, "a=1; a=2", nil},
		{[]string{"c**"}, "c2=b; c1=a; c3=; x=c", []sessions.Hash{hash("c1=a\nc2=b")}},
		{[]string{"c**"}, "c2=b; c1=a; c2=d", []sessions.Hash{hash("c1=a\nc2=b"), hash("c1=a\nc2=d")}},
		{[]string{"c**"}, "c*=b; c1=a", []sessions.Hash{hash("c*=b\nc1=a")}},
		{[]string{"c**", "sid"}, "c1=a", nil},
		{[]string{"c**", "sid"}, "sid=s; c1=", nil},
	} {
		if got := mustSessionCookies(t, test.names...).Candidates(scan(test.line)); !slices.Equal(got, test.want) {
			t.Errorf("%v in %q: %d candidates, want %d", test.names, test.line, len(got), len(test.want))
		}
	}
	if got := mustSessionCookies(t, "a", "b").Candidates(scan(strings.Repeat("a=1; b=2; ", 80))); len(got) != maxCandidates {
		t.Errorf("of very many cookies there are %d candidates", len(got))
	}
}
