package cookie

import (
	"slices"
	"strings"
	"testing"
)

// pairs reads cookies as a request brings them.
func pairs(line string) []Pair {
	var found []Pair
	for text := range strings.SplitSeq(line, "; ") {
		if name, value, ok := strings.Cut(text, "="); ok {
			found = append(found, Pair{Name: name, Value: value})
		}
	}
	return found
}

func text(cookies []Pair) string {
	var texts []string
	for _, pair := range cookies {
		texts = append(texts, pair.Name+"="+pair.Value)
	}
	return strings.Join(texts, "; ")
}

// What a response does to the session, by what came, what it sets, and what is known of where the browser keeps it.
func TestJudge(t *testing.T) {
	const (
		host    = "sid=%; Path=/"
		cleared = "sid=; Domain=.shop.example; Path=/; Max-Age=0"
		deleted = "sid=; Path=/; Max-Age=0"
	)
	at := func(template, value string) string { return strings.Replace(template, "%", value, 1) }
	for _, test := range []struct {
		name  string
		names string
		sent  string
		homes []string // lines by which the gateway saw the session set before
		lines []string
		after string
		is    string // any of: new, ends, moves, and the names that change
	}{
		{"nothing set", "sid", "sid=a", nil, nil, "sid=a", ""},
		{"another cookie", "sid", "sid=a", nil, []string{"theme=dark", "sids=b", "Sid=b"}, "sid=a", ""},
		{"the same value", "sid", "sid=a", nil, []string{at(host, "a")}, "sid=a", ""},
		{"the same odd value", "sid", `sid="a,\ b"`, nil, []string{`sid="a,\ b"; HttpOnly`}, `sid="a,\ b"`, ""},
		{"the same value sent twice", "sid", "sid=a; sid=a", nil, []string{"sid=a"}, "sid=a", ""},
		{"another cookie deleted", "sid", "sid=a", nil, []string{"theme=; Max-Age=0"}, "sid=a", ""},

		// A new value is what the browser has now.
		{"rotated", "sid", "sid=a", nil, []string{at(host, "b")}, "sid=b", "new ends moves sid"},
		{"opened", "sid", "", nil, []string{at(host, "b")}, "sid=b", "new ends moves sid"},
		{"other quotes", "sid", "sid=a", nil, []string{`sid="a"`}, `sid="a"`, "new ends moves sid"},
		{"white space around the name", "sid", "sid=a", nil, []string{" sid\t= b"}, "sid=b", "new ends moves sid"},
		{"new, the older variant cleared after it", "sid", "sid=a", nil, []string{at(host, "b"), cleared}, "sid=b", "new ends moves sid"},
		{"new, the older variant cleared before it", "sid", "sid=a", nil, []string{cleared, at(host, "b")}, "sid=b", "new ends moves sid"},
		{"opened, the older variant cleared", "sid", "", nil, []string{at(host, "b"), cleared}, "sid=b", "new ends moves sid"},
		{"new, and the old value where it was", "sid", "sid=a", nil, []string{at(host, "b"), "sid=a; Domain=.shop.example; Path=/"}, "sid=b", "new ends moves sid"},
		{"new in two places, the same", "sid", "sid=a", nil, []string{at(host, "b"), "sid=b; Domain=.shop.example; Path=/"}, "sid=b", "new ends moves sid"},
		{"new in two places, different", "sid", "sid=a", nil, []string{at(host, "b"), "sid=c; Domain=.shop.example; Path=/"}, "sid=b; sid=c", "new ends sid"},
		{"new at two paths, different", "sid", "", nil, []string{at(host, "b"), "sid=c; Path=/shop"}, "sid=b; sid=c", "new ends sid"},
		{"one of two values that came", "sid", "sid=a; sid=b", nil, []string{"sid=a"}, "sid=a", "new ends moves sid"},

		// Lines for one place count in their order.
		{"set twice in one place", "sid", "sid=a", nil, []string{at(host, "a"), at(host, "b")}, "sid=b", "new ends sid"},
		{"set back in one place", "sid", "sid=a", nil, []string{at(host, "b"), at(host, "a")}, "sid=a", "sid"},
		{"set and deleted in one place", "sid", "sid=a", nil, []string{at(host, "b"), deleted}, "", "ends sid"},
		{"deleted and set in one place", "sid", "sid=a", nil, []string{deleted, at(host, "b")}, "sid=b", "new ends sid"},
		{"deleted and repeated in one place", "sid", "sid=a", nil, []string{deleted, at(host, "a")}, "sid=a", "sid"},
		{"the place without its path", "sid", "sid=a", nil, []string{at(host, "b"), "sid=; Max-Age=0"}, "", "ends sid"},
		{
			"the leading dot and the case of a domain", "sid", "sid=a", nil,
			[]string{"sid=b; Domain=Shop.Example; Path=/", cleared},
			"", "ends sid",
		},
		{
			"partitioned apart", "sid", "sid=a", nil,
			[]string{"sid=b; Path=/; Secure; Partitioned", deleted},
			"sid=b", "new ends moves sid",
		},

		// A deletion ends the session, unless it is known to be elsewhere.
		{"deleted, not known where it is", "sid", "sid=a", nil, []string{deleted}, "", "ends sid"},
		{"cleared elsewhere, not known where it is", "sid", "sid=a", nil, []string{cleared}, "", "ends sid"},
		{"deleted where it is", "sid", "sid=a", []string{at(host, "a")}, []string{deleted}, "", "ends sid"},
		{"emptied where it is", "sid", "sid=a", []string{at(host, "a")}, []string{"sid=; Path=/"}, "", "ends sid"},
		{"without an equals sign", "sid", "sid=a", []string{at(host, "a")}, []string{"sid; Path=/"}, "", "ends sid"},
		{"expired with its value where it is", "sid", "sid=a", []string{at(host, "a")}, []string{"sid=a; Path=/; Max-Age=0"}, "", "ends sid"},
		{"cleared elsewhere", "sid", "sid=a", []string{at(host, "a")}, []string{cleared}, "sid=a", ""},
		{"emptied elsewhere", "sid", "sid=a", []string{at(host, "a")}, []string{"sid=; Domain=.shop.example; Path=/"}, "sid=a", ""},
		{"cleared at another path", "sid", "sid=a", []string{at(host, "a")}, []string{"sid=; Path=/shop; Max-Age=0"}, "sid=a", ""},
		{"cleared in the partition", "sid", "sid=a", []string{at(host, "a")}, []string{"sid=; Path=/; Secure; Partitioned; Max-Age=0"}, "sid=a", ""},
		{"cleared out of the partition", "sid", "sid=a", []string{"sid=a; Path=/; Secure; Partitioned"}, []string{deleted}, "sid=a", ""},
		{"cleared for the host, being the domain's", "sid", "sid=a", []string{"sid=a; Domain=shop.example; Path=/"}, []string{deleted}, "sid=a", ""},
		{"deleted for the domain, being the domain's", "sid", "sid=a", []string{"sid=a; Domain=shop.example; Path=/"}, []string{cleared}, "", "ends sid"},
		{"cleared elsewhere and deleted where it is", "sid", "sid=a", []string{at(host, "a")}, []string{cleared, deleted}, "", "ends sid"},
		{"repeated, and cleared elsewhere", "sid", "sid=a", nil, []string{at(host, "a"), cleared}, "sid=a", ""},
		{"moved to another place", "sid", "sid=a", []string{"sid=a; Domain=shop.example; Path=/"}, []string{cleared, at(host, "a")}, "sid=a", ""},
		{"deleted in one of two places", "sid", "sid=a", []string{at(host, "a"), "sid=a; Path=/shop"}, []string{deleted}, "", "ends sid"},
		{"another session is known to be elsewhere", "sid", "sid=a", []string{at(host, "b")}, []string{cleared}, "", "ends sid"},
		{"one of two values that came is elsewhere", "sid", "sid=a; sid=b", []string{at(host, "a")}, []string{cleared}, "", "ends sid"},
		{"both values that came are elsewhere", "sid", "sid=a; sid=b", []string{at(host, "a"), "sid=b; Path=/shop"}, []string{cleared}, "sid=a; sid=b", ""},
		{"deleted though it never came", "sid", "", nil, []string{deleted}, "", "ends sid"},

		// Sets.
		{"a set, the same", "a b", "a=1; b=2", nil, []string{"a=1", "b=2"}, "a=1; b=2", ""},
		{"a set, its second rotated", "a b", "a=1; b=2", nil, []string{"a=1", "b=3"}, "a=1; b=3", "new ends moves b"},
		{"a set, its first deleted", "a b", "a=1; b=2", nil, []string{"a=1; Max-Age=0"}, "b=2", "ends a"},
		{"a set, one rotated and one deleted", "a b", "a=1; b=2", nil, []string{"a=3", "b=; Max-Age=0"}, "a=3", "new ends a b"},
		{
			"a set, one rotated and one cleared elsewhere", "a b", "a=1; b=2",
			[]string{"b=2; Path=/"},
			[]string{"a=3", "b=; Path=/shop; Max-Age=0"},
			"a=3; b=2", "new ends moves a",
		},
		{"a set, swapped", "a b", "a=1; b=2", nil, []string{"a=2", "b=1"}, "a=2; b=1", "new ends moves a b"},
		{"a pattern, the same", "DW*", "DW12=1", nil, []string{"DW12=1"}, "DW12=1", ""},
		{"a pattern, under another name", "DW*", "DW12=1", nil, []string{"DW13=1"}, "DW12=1; DW13=1", "new ends moves DW13"},
		{"a pattern, another name deleted", "DW*", "DW12=1", nil, []string{"DW13=; Max-Age=0"}, "DW12=1", "ends DW13"},
		{
			"a pattern, another name deleted, known where it is", "DW*", "DW12=1",
			[]string{"DW12=1; Path=/"},
			[]string{"DW13=; Max-Age=0"},
			"DW12=1", "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			places := NewPlaces()
			exchange := exchangeOf(places, test.names, test.sent, test.lines)
			for _, home := range test.homes {
				places.Note("shop", exchangeOf(places, test.names, "", []string{home}))
			}
			effect := Judge(exchange)
			var is []string
			for word, holds := range map[string]bool{"new": effect.HasNew, "ends": effect.Ends, "moves": effect.Moves} {
				if holds {
					is = append(is, word)
				}
			}
			is = append(is, effect.Changed...)
			want := strings.Fields(test.is)
			slices.Sort(is)
			slices.Sort(want)
			if !slices.Equal(is, want) || text(effect.After) != test.after {
				t.Errorf("after it %q, and it is %q; want %q and %q", text(effect.After), is, test.after, want)
			}
		})
	}
}

func exchangeOf(places *Places, names, sent string, lines []string) Exchange {
	arrived := places.Mark()
	return Exchange{
		Request: Request{Host: "shop.example", Path: "/login"},
		IsSession: func(name string) bool {
			return slices.ContainsFunc(strings.Fields(names), func(pattern string) bool {
				prefix, isPrefix := strings.CutSuffix(pattern, "*")
				return name == pattern || isPrefix && strings.HasPrefix(name, prefix)
			})
		},
		Sent: pairs(sent), Lines: lines, Now: now,
		Holds: func(pair Pair, variant Variant) Held { return places.Holds("shop", pair, variant, arrived) },
	}
}

// Cookies that the application did not receive are not what the browser goes on with, unless the application sets them.
func TestJudgeWithheld(t *testing.T) {
	for lines, want := range map[string]string{"": "", "theme=dark": "", "sid=a": "sid=a", "sid=b": "sid=b", "sid=; Max-Age=0": ""} {
		exchange := exchangeOf(NewPlaces(), "sid", "", []string{lines})
		exchange.Withheld = pairs("sid=a")
		if effect := Judge(exchange); text(effect.After) != want || effect.HasNew != (lines == "sid=b") {
			t.Errorf("%s: %+v, want %q", lines, effect, want)
		}
	}
}

// A token that came without its session cookie stands for a session that is known to be elsewhere.
func TestJudgeBound(t *testing.T) {
	places := NewPlaces()
	places.Note("shop", exchangeOf(places, "sid", "", []string{"sid=a; Path=/shop"}))
	for bound, want := range map[string]bool{"": true, "sid=a": false, "sid=b": true} {
		exchange := exchangeOf(places, "sid", "", []string{"sid=; Path=/; Max-Age=0"})
		exchange.Bound = pairs(bound)
		if got := Judge(exchange).Ends; got != want {
			t.Errorf("bound to %q: it ends: %v", bound, got)
		}
	}
}

// Nothing is known of a zero exchange's places, so a deletion ends the session.
func TestJudgeDeniesByDefault(t *testing.T) {
	for _, line := range []string{"sid=; Path=/; Max-Age=0", "sid=; Path=/shop; Max-Age=0", "sid=", "sid=b"} {
		effect := Judge(Exchange{IsSession: func(string) bool { return true }, Sent: pairs("sid=a"), Lines: []string{line}, Now: now})
		if !effect.Ends {
			t.Errorf("%s: the session goes on", line)
		}
	}
}

// What holds of every response.
func FuzzJudge(f *testing.F) {
	f.Add("sid=a; sid=b", "sid=c; Path=/\nsid=; Domain=.x; Max-Age=0", "sid=a; Path=/")
	f.Add("sid=a", "sid=a\nsid=; Path=/; Max-Age=0", "")
	f.Fuzz(func(t *testing.T, sent, lines, home string) {
		places := NewPlaces()
		places.Note("shop", exchangeOf(places, "sid", "", []string{home}))
		exchange := exchangeOf(places, "sid", sent, strings.Split(lines, "\n"))
		exchange.Sent = slices.DeleteFunc(exchange.Sent, func(pair Pair) bool { return pair.Name != "sid" })
		effect := Judge(exchange)
		if effect.HasNew && !effect.Ends || effect.Moves && !effect.HasNew || effect.HasNew && len(effect.After) == 0 {
			t.Errorf("%q, %q: %+v", sent, lines, effect)
		}
		if !effect.Ends && len(exchange.Sent) > 0 && effect.After[0].Value != exchange.Sent[0].Value {
			t.Errorf("%q, %q: it goes on, and the browser has %q", sent, lines, text(effect.After))
		}
		unknown := exchange
		unknown.Holds = nil
		if blind := Judge(unknown); effect.Ends && !blind.Ends {
			t.Errorf("%q, %q: it ends, and does not where less is known", sent, lines)
		}
		places.Note("shop", exchange)
	})
}
