package cookie

import (
	"fmt"
	"testing"
)

// step is a request and its response: what is sent, what is set, and whether the session ends with that.
type step struct {
	sent  string
	lines []string
	ends  bool
}

// What the places of a value are known by, one exchange after the other.
func TestPlaces(t *testing.T) {
	const set, cleared, deleted = "sid=a; Path=/", "sid=; Domain=.shop.example; Path=/; Max-Age=0", "sid=; Path=/; Max-Age=0"
	for name, steps := range map[string][]step{
		"every page clears the older variant": {
			{"", []string{set, cleared}, true}, // there is nothing to end yet
			{"sid=a", []string{cleared}, false},
			{"sid=a", []string{cleared}, false},
			{"sid=a", []string{deleted}, true},
		},
		"not seen set: it ends once": {
			{"sid=a", []string{cleared}, true},
			{"sid=a", []string{cleared}, false},
			{"sid=a", []string{deleted}, true},
		},
		"not seen set, two variants cleared": {
			{"sid=a", []string{cleared, "sid=; Domain=.shop.example; Path=/old; Max-Age=0"}, true},
			{"sid=a", []string{cleared, "sid=; Domain=.shop.example; Path=/old; Max-Age=0"}, false},
			{"sid=a", []string{"sid=; Domain=.shop.example; Path=/new; Max-Age=0"}, true},
		},
		"not seen set, the host's variant removed": {
			{"sid=a", []string{deleted}, true},
			{"sid=a", []string{deleted}, true},
		},
		"seen set after that": {
			{"sid=a", []string{cleared}, true},
			{"sid=a", []string{"sid=a; Domain=.shop.example; Path=/"}, false},
			{"sid=a", []string{cleared}, true},
		},
		"removed for another client that holds the same value": {
			{"", []string{set}, true},
			{"sid=a", []string{deleted}, true},
			{"sid=a", nil, false},
			{"sid=a", []string{deleted}, true},
		},
		"set again where it was removed": {
			{"", []string{set}, true},
			{"sid=a", []string{deleted}, true},
			{"", []string{set}, true},
			{"sid=a", []string{deleted}, true},
		},
		"moved from the domain to the host": {
			{"", []string{"sid=a; Domain=shop.example; Path=/"}, true},
			{"sid=a", []string{set, cleared}, false},
			{"sid=a", []string{cleared}, false},
			{"sid=a", []string{deleted}, true},
		},
		"overwritten in one of two places": {
			{"", []string{set, "sid=a; Path=/shop"}, true},
			{"sid=a", []string{"sid=b; Path=/shop"}, true},
			{"sid=a", []string{"sid=; Path=/shop; Max-Age=0"}, true}, // another client may have kept it there
			{"sid=a", []string{deleted}, true},
		},
		"in more places than are remembered": {
			{"", append(atPaths("sid=a; Path=/%d", maxVariants), set), true},
			{"sid=a", []string{deleted}, true},
		},
		"removed from more places than are remembered": {
			{"sid=a", atPaths("sid=; Domain=.shop.example; Path=/%d; Max-Age=0", maxVariants+1), true},
			{"sid=a", []string{"sid=; Domain=.shop.example; Path=/0; Max-Age=0"}, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			places := NewPlaces()
			for i, step := range steps {
				exchange := exchangeOf(places, "sid", step.sent, step.lines)
				if got := Judge(exchange).Ends; got != step.ends {
					t.Errorf("step %d: it ends: %v", i+1, got)
				}
				places.Note("shop", exchange)
			}
		})
	}
}

func atPaths(line string, count int) []string {
	lines := make([]string, count)
	for i := range lines {
		lines[i] = fmt.Sprintf(line, i)
	}
	return lines
}

// A request that was under way when the cookie was removed does not show that the browser still has it.
func TestPlacesOfRequestsUnderWay(t *testing.T) {
	const cleared = "sid=; Domain=.shop.example; Max-Age=0"
	places := NewPlaces()
	first := exchangeOf(places, "sid", "sid=a", []string{cleared})
	second := exchangeOf(places, "sid", "sid=a", []string{cleared})
	places.Note("shop", first)
	if !Judge(second).Ends {
		t.Error("the session goes on")
	}
}

func TestPlacesAreOfOneRealm(t *testing.T) {
	places := NewPlaces()
	exchange := exchangeOf(places, "sid", "", []string{"sid=a; Path=/"})
	places.Note("shop", exchange)
	variant := Variant{Name: "sid", Path: "/"}
	if places.Holds("shop", Pair{"sid", "a"}, variant, 0) != Here || places.Holds("other", Pair{"sid", "a"}, variant, 0) != Unknown ||
		places.Holds("shop", Pair{"sid", "b"}, variant, 0) != Unknown {
		t.Error("a place is taken for that of another value")
	}
}

// However many values are set, the memory is bounded, and the oldest are not known any more.
func TestPlacesAreBounded(t *testing.T) {
	places := NewPlaces()
	for i := range maxPlaces + 1 {
		places.Note("shop", exchangeOf(places, "sid", "", []string{fmt.Sprintf("sid=%d; Path=/", i)}))
	}
	variant := Variant{Name: "sid", Path: "/"}
	if places.of.Len() != maxPlaces || places.Holds("shop", Pair{"sid", "0"}, variant, 0) != Unknown ||
		places.Holds("shop", Pair{"sid", fmt.Sprint(maxPlaces)}, variant, 0) != Here {
		t.Errorf("%d values are remembered", places.of.Len())
	}
}
