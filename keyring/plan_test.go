package keyring

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// made is a key of a table: its name, whose first letter is that of the algorithm, and when it begins to sign.
type made struct {
	name   string
	signs  time.Duration
	before time.Duration // how long before that it was made
}

var algorithmOf = map[byte]validator.Algorithm{'h': validator.HS256, 'e': validator.ES256}

func fileOf(keys ...made) file {
	f := file{TokenLifetime: 600, RotateEvery: 3600}
	for _, key := range keys {
		f.Keys = append(f.Keys, entry{
			ID: key.name, Algorithm: algorithmOf[key.name[0]],
			SignsFrom: start.Add(key.signs), Created: start.Add(key.signs - key.before),
		})
	}
	return f
}

// A gateway for HS256 that rotates every hour and publishes keys 5 minutes before they sign. Tokens live for 10 minutes,
// so a key that stopped verifies for 10 minutes and the grace after.
func TestPlan(t *testing.T) {
	const m, s = time.Minute, time.Second
	one := []made{{name: "h1"}}
	two := []made{{name: "h1"}, {name: "h2", signs: 60 * m, before: 5 * m}}
	other := []made{{name: "h1"}, {name: "e2", signs: 10 * m, before: 5 * m}}
	for _, test := range []struct {
		name string
		keys []made
		at   time.Duration
		want string // the one that signs, then the others
		due  bool
		next time.Duration // after start; 0: none
	}{
		{"the first key signs at once", one, 0, "h1", false, 55 * m},
		{"until the next is due", one, 55*m - 1, "h1", false, 55 * m},
		{"a new key is due", one, 55 * m, "h1", true, 0},
		{"it stays due, and the old key goes on", one, 1000 * m, "h1", true, 0},
		{"a published key verifies", two, 55 * m, "h1 h2", false, 60 * m},
		{"until it signs", two, 60*m - 1, "h1 h2", false, 60 * m},
		{"it signs, the old one verifies", two, 60 * m, "h2 h1", false, 70*m + grace},
		{"as long as a token that it signed", two, 70*m + grace - 1, "h2 h1", false, 70*m + grace},
		{"then it is over", two, 70*m + grace, "h2", false, 115 * m},
		{"a clock that is far behind: none has begun, the first to begin signs", two, -30 * m, "h1 h2", false, 0 * m},
		{
			"two at the same moment: the later made one signs",
			[]made{{name: "h1", before: 2 * s}, {name: "h2", before: 1 * s}},
			1 * s, "h2 h1", false, 10*m + grace,
		},
		{"the same even if made at the same moment", []made{{name: "h2"}, {name: "h1"}}, 1 * s, "h2 h1", false, 10*m + grace},
		{"two are to come", []made{{name: "h1"}, {name: "h2", signs: 5 * m}, {name: "h3", signs: 6 * m}}, 0, "h1 h3 h2", false, 5 * m},
		{
			"the second of them goes first over",
			[]made{{name: "h1"}, {name: "h2", signs: 5 * m}, {name: "h3", signs: 6 * m}},
			15*m + grace, "h3 h2", false, 16*m + grace,
		},

		{"no key of the algorithm: one is due, and the one there is signs", []made{{name: "e1"}}, 0, "e1", true, 0},
		{"one of the algorithm is to come", []made{{name: "e1"}, {name: "h2", signs: 5 * m}}, 1 * m, "e1 h2", false, 5 * m},
		{"it signs; the other may still do so elsewhere", []made{{name: "e1"}, {name: "h2", signs: 5 * m}}, 5 * m, "h2 e1", false, 60 * m},
		{"until that would have rotated", []made{{name: "e1"}, {name: "h2", signs: 5 * m}}, 70*m + grace, "h2", true, 0},
		{"another gateway has another algorithm: each signs with its own", other, 20 * m, "h1 e2", false, 55 * m},
		{"and rotates its own", other, 55 * m, "h1 e2", true, 60 * m},
		{"and where it can't, signs with that of the other", other, 60 * m, "e2 h1", true, 70*m + grace},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := planOf(fileOf(test.keys...), validator.HS256, time.Hour, 5*time.Minute, start.Add(test.at))
			var names []string
			for _, key := range got.keys {
				names = append(names, key.ID)
			}
			if strings.Join(names, " ") != test.want {
				t.Errorf("the keys are %s, want %s", strings.Join(names, " "), test.want)
			}
			if got.due != test.due {
				t.Errorf("due is %t, want %t", got.due, test.due)
			}
			next := got.next.Sub(start)
			if got.next.IsZero() {
				next = 0
			}
			if next != test.next {
				t.Errorf("next is %s after the start, want %s", next, test.next)
			}
		})
	}
}

// Whatever a file says, there are keys, each once, and time goes on.
func TestPlanOfNothing(t *testing.T) {
	got := planOf(file{}, validator.HS256, time.Hour, time.Minute, start)
	if len(got.keys) != 0 || !got.due || !got.next.IsZero() {
		t.Errorf("got %+v", got)
	}
}
