package validator

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestSessionRules(t *testing.T) {
	for _, c := range []struct {
		name      string
		minLength int
		pattern   string
		values    []string
		want      Reason
	}{
		{"16 characters", 0, "", []string{"0123456789abcdef"}, ""},
		{"15 characters", 0, "", []string{"0123456789abcde"}, SessionTooShort},
		{"16 bytes, but 8 characters", 0, "", []string{"éééééééé"}, SessionTooShort},
		{"16 characters of two bytes", 0, "", []string{strings.Repeat("é", 16)}, ""},
		{"16 bytes that are no text", 0, "", []string{strings.Repeat("\xff", 16)}, ""},
		{"the number of chunks", 0, "", []string{"chunks-2"}, SessionTooShort},
		{"the values together", 0, "", []string{"01234567", "89abcdef"}, ""},
		{"the values together, one short", 0, "", []string{"01234567", "89abcde"}, SessionTooShort},
		{"no value", 0, "", nil, SessionTooShort},
		{"an empty value", 0, "", []string{"0123456789abcdef", ""}, SessionMalformed},
		{"4096 bytes", 0, "", []string{strings.Repeat("x", 4096)}, ""},
		{"4097 bytes", 0, "", []string{strings.Repeat("x", 4097)}, SessionMalformed},
		{"a tab inside", 0, "", []string{"01234567\t89abcdef"}, SessionMalformed},
		{"a control byte inside", 0, "", []string{"01234567\x7f89abcdef"}, SessionMalformed},
		{"NUL inside", 0, "", []string{"01234567\x0089abcdef"}, SessionMalformed},
		{"blanks and quotes", 0, "", []string{`"0123 4567 89ab"`}, ""},
		{"longer than asked for", 20, "", []string{strings.Repeat("x", 20)}, ""},
		{"shorter than asked for", 20, "", []string{strings.Repeat("x", 19)}, SessionTooShort},
		{"one is enough", 1, "", []string{"x"}, ""},
		{"a pattern", 0, "[0-9a-f]+", []string{"0123456789abcdef"}, ""},
		{"a pattern, another character", 0, "[0-9a-f]+", []string{"0123456789abcdeX"}, SessionMalformed},
		{"a pattern, a line break behind", 0, "[0-9a-f]+", []string{"0123456789abcdef\n"}, SessionMalformed},
		{"a pattern of alternatives, whole", 0, "a+|b+", []string{strings.Repeat("a", 15) + "b"}, SessionMalformed},
		{"a pattern with anchors", 0, "^[0-9a-f]+$", []string{"0123456789abcdef"}, ""},
		{"a pattern of several lines", 0, "(?m)^a+$", []string{strings.Repeat("a", 16) + "\nb"}, SessionMalformed},
		{"a pattern for each value", 0, "[0-9]+|[a-f]+", []string{"0123456789", "abcdef"}, ""},
		{"a pattern that one value misses", 0, "[0-9]+", []string{"0123456789", "abcdef"}, SessionMalformed},
		{"a pattern does not make it longer", 0, "chunks-[0-9]", []string{"chunks-2"}, SessionTooShort},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := mustRules(t, c.minLength, c.pattern)
			if got := rules.Check(c.values...); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			cookies := make([]*Cookie, len(c.values))
			for i, value := range c.values {
				cookies[i] = &Cookie{Value: value}
			}
			if got := rules.check(cookies); got != c.want {
				t.Errorf("as cookies: got %q, want %q", got, c.want)
			}
		})
	}
	if (SessionRules{}).Check("short") != SessionTooShort {
		t.Error("the zero rules take what is short")
	}
}

func TestNewSessionRulesRefuses(t *testing.T) {
	for _, c := range []struct {
		minLength int
		pattern   string
	}{{-1, ""}, {16385, ""}, {0, "("}, {0, "a)|(b"}, {0, `\Q`}, {0, "[z-a]"}} {
		rules, err := NewSessionRules(c.minLength, c.pattern)
		if err == nil && c.pattern != `\Q` || rules.pattern != nil && err != nil {
			t.Errorf("%d %q: accepted as %v, error %v", c.minLength, c.pattern, rules, err)
		}
		// What is left open ends where the group does, and does not let everything in.
		if err == nil && rules.Check(strings.Repeat("x", 16)) == "" {
			t.Errorf("%q takes everything", c.pattern)
		}
	}
}

func TestReadChunks(t *testing.T) {
	const a, b = "ticket-part-1", "ticket-part-2"
	chunks := []string{"C**"}
	for _, c := range []struct {
		name   string
		names  []string
		line   string
		want   Presence
		reason Reason
		id     string
	}{
		{"none", chunks, "D=" + a + b, Absent, "", ""},
		{"all empty", chunks, "C1=; C2=", Absent, "", ""},
		{"in the order of their names", chunks, "C2=" + b + "; C=chunks-2; C1=" + a, Present, "", "C=chunks-2\nC1=" + a + "\nC2=" + b},
		{"byte by byte", chunks, "C2=" + b + "; C10=" + a, Present, "", "C10=" + a + "\nC2=" + b},
		{"one cookie, with its name", chunks, "C=" + a + b, Present, "", "C=" + a + b},
		{"an empty one is none", chunks, "C3=; C1=" + a + b, Present, "", "C1=" + a + b},
		{"twice the same", chunks, "C1=" + a + b + "; C2=" + b + "; C1=" + a + b, Present, "", "C1=" + a + b + "\nC2=" + b},
		{"one name with two values", chunks, "C1=" + a + "; C2=" + b + "; C1=" + b, Unusable, SessionAmbiguous, ""},
		{"one name with two values, one empty", chunks, "C1=" + a + "; C2=" + b + "; C1=", Unusable, SessionAmbiguous, ""},
		{"one name with two values, the first empty", chunks, "C1=; C2=" + b + "; C1=" + a, Unusable, SessionAmbiguous, ""},
		{"the counter alone", chunks, "C=chunks-2", Unusable, SessionTooShort, ""},
		{"beside another name", []string{"sid", "C**"}, "C2=" + b + "; C1=" + a + "; sid=s", Present, "", "sid=s\nC1=" + a + "\nC2=" + b},
		{"before another name", []string{"C**", "sid"}, "sid=s; C2=" + b + "; C1=" + a, Present, "", "C1=" + a + "\nC2=" + b + "\nsid=s"},
		{"without the other name", []string{"sid", "C**"}, "C2=" + b + "; C1=" + a, Unusable, SessionIncomplete, ""},
		{"the other name alone", []string{"sid", "C**"}, "C1=; sid=" + a + b, Unusable, SessionIncomplete, ""},
		{"two of them", []string{"C**", "D**"}, "D2=" + b + "; C1=" + a + "; D1=d", Present, "", "C1=" + a + "\nD1=d\nD2=" + b},
		{"a name with a star in it", chunks, "C*=" + b + "; C1=" + a, Present, "", "C*=" + b + "\nC1=" + a},
	} {
		t.Run(c.name, func(t *testing.T) {
			cookies, err := NewSessionCookies(c.names...)
			if err != nil {
				t.Fatal(err)
			}
			sent := mustScan(t, []string{c.line})
			got := cookies.Read(sent)
			if got.Presence != c.want || got.Reason != c.reason || got.raw() != c.id {
				t.Fatalf("got %v %q, want presence %d %q %q", got, got.raw(), c.want, c.reason, c.id)
			}
			if c.want != Present {
				return
			}
			if got.Hash != sessions.HashOf(c.id) {
				t.Errorf("got hash %s", got.Hash)
			}
			values := make(map[string]string)
			for _, cookie := range sent {
				if cookie.Value != "" {
					values[cookie.Name] = cookie.Value
				}
			}
			if hash, err := cookies.HashOf(values); err != nil || hash != got.Hash {
				t.Errorf("by its values it is %v, %v", hash, err)
			}
		})
	}
	if name, isOne := mustSessionCookies(t, "C**").Single(); isOne {
		t.Errorf("%q is one cookie", name)
	}
}

// Whatever order a client sends the chunks in, and however it spreads them over lines, they are one session.
func TestChunksHaveNoOrder(t *testing.T) {
	cookies := mustSessionCookies(t, "C**", "sid")
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.StringMatching(`C[0-9*=]{0,2}`), rapid.StringMatching(`[a-z"=]{1,4}`), 1, 6).Draw(t, "chunks")
		lines := []string{"sid=s"}
		for name, value := range values {
			lines = append(lines, name+"="+value)
		}
		shuffled := rapid.Permutation(lines).Draw(t, "order")
		first, second := cookies.Read(mustScan(t, lines)), cookies.Read(mustScan(t, []string{strings.Join(shuffled, "; ")}))
		if first.Presence != second.Presence || first.Hash != second.Hash || first.Reason != second.Reason {
			t.Fatalf("%v and %v", first, second)
		}
		if first.Presence == Present && len(values) > 1 {
			fewer := cookies.Read(mustScan(t, shuffled[1:]))
			if fewer.Presence == Present && fewer.Hash == first.Hash {
				t.Fatal("fewer cookies are the same session")
			}
		}
	})
}

// What a token is bound to comes back as the cookies that it was, whose names only the token knows.
func TestRestoreChunks(t *testing.T) {
	const a, b = "ticket-part-1", "ticket-part-2"
	for _, c := range []struct {
		names []string
		line  string
		want  Cookies
	}{
		{[]string{"C**"}, "C2=" + b + "; C1=" + a, Cookies{{"C1", a}, {"C2", b}}},
		{[]string{"C**"}, "C=" + a + b, Cookies{{"C", a + b}}},
		{[]string{"C**"}, "C1==" + a + b + "=", Cookies{{"C1", "=" + a + b + "="}}},
		{[]string{"C**", "sid"}, "sid=s; C2=" + b + "; C1=" + a, Cookies{{"C1", a}, {"C2", b}, {"sid", "s"}}},
		{[]string{"sid", "C*"}, "sid=" + a + "; C77=" + b, Cookies{{"sid", a}, {"C77", b}}},
		{[]string{"sid"}, "sid=" + a + b, Cookies{{"sid", a + b}}},
		{[]string{"C*"}, "C77=" + a + b, nil},                           // the id is the value alone
		{[]string{"C*"}, "C*=" + a + b, nil},                            // likewise, whatever the name was
		{[]string{"C**"}, "C1=" + strings.Repeat("x", 300), nil},        // too long to be carried
		{[]string{"C**", "sid"}, "C1=" + strings.Repeat("x", 300), nil}, // no session
	} {
		cookies, err := NewSessionCookies(c.names...)
		if err != nil {
			t.Fatal(err)
		}
		sent := mustScan(t, []string{c.line})
		credential := cookies.Read(sent)
		if credential.Presence != Present {
			continue
		}
		token := claimsBoundTo(t, credential)
		got, ok := cookies.Restore(token)
		if ok != (c.want != nil) || ok && !slices.Equal(got, c.want) {
			t.Errorf("%v in %q: restored %v, %v", c.names, c.line, got, ok)
		}
		if stricter := cookies.WithRules(mustRules(t, 1000, "")); ok {
			if _, ok := stricter.Restore(token); ok {
				t.Errorf("%v in %q: restored what is no session id any more", c.names, c.line)
			}
		}
	}
}

// claimsBoundTo returns the claims of a token for the session, as verification returns them.
func claimsBoundTo(t testing.TB, credential SessionCredential) *Claims {
	t.Helper()
	keys := mustSet(t, mustKey(t, "a"))
	text := mint(t, testMinter(keys), testSession(credential), credential)
	verified := NewVerifier(NewKeyRing(keys), nil).Verify(tokenOf(text), testNow, testRoute())
	if verified.State != TokenUsable || Bind(verified, credential) != SameSession {
		t.Fatalf("the token is not usable: %v", verified.Reason)
	}
	return verified.Claims
}

func FuzzChunks(f *testing.F) {
	f.Add("C**", "C2=ticket-part-2; C=chunks-2; C1=ticket-part-1", 16)
	f.Add("C**", "C2=b; C2=c", 1)
	f.Add("C**", "C*=b; C=", 1)
	f.Fuzz(func(t *testing.T, name, line string, minLength int) {
		rules, err := NewSessionRules(minLength, "")
		if err != nil || !strings.HasSuffix(name, "**") {
			return
		}
		names, err := NewSessionCookies(name)
		if err != nil {
			return
		}
		cookies, err := ScanCookies([]string{line})
		if err != nil {
			return
		}
		if got, want := names.WithRules(rules).Read(cookies), readChunksPlainly(cookies, strings.TrimSuffix(name, "**"), rules); got.raw() != want {
			t.Fatalf("%q, min_length %d: got %v %q, want %q", line, minLength, got, got.raw(), want)
		}
	})
}

// readChunksPlainly is a second way to read chunks, which sorts the lines of a map.
func readChunksPlainly(cookies Cookies, prefix string, rules SessionRules) string {
	values := make(map[string]string)
	for _, cookie := range cookies {
		if !strings.HasPrefix(cookie.Name, prefix) {
			continue
		}
		if other, twice := values[cookie.Name]; twice && other != cookie.Value {
			return ""
		}
		values[cookie.Name] = cookie.Value
	}
	var names, lines, texts []string
	for name, value := range values {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		lines, texts = append(lines, name+"="+values[name]), append(texts, values[name])
	}
	if rules.Check(texts...) != "" {
		return ""
	}
	return strings.Join(lines, "\n")
}
