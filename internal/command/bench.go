package command

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func benchCommand() *cobra.Command {
	return withJSON(newCommand(details{
		use: "bench [flags]", short: "Measures what tokens save on this machine",
		long: `Measures, with this program's own code on one core of this machine, what it takes to
look a session up and to check a token of each algorithm, and says from which request
rate and up to which token size the token wins. It takes less than 20 seconds, and
needs 200 MiB in the directory for temporary files, where the sessions are that are
looked up. No gateway is asked. The first sentence is the verdict; the table says why.`,
		example: `  caddy jwt-session bench
  caddy jwt-session bench --json > bench.json`,
	}, cobra.NoArgs, bench))
}

// figures is what was measured, and what follows.
type figures struct {
	Verdict  string            `json:"verdict"`  // in one sentence
	Sessions int               `json:"sessions"` // in the store
	LookUp   lookUpFigures     `json:"look_up"`
	Tokens   []algorithmFigure `json:"tokens"`
}

type lookUpFigures struct {
	CookieBytes int     `json:"cookie_bytes"` // that come with a request
	Nanoseconds float64 `json:"ns"`
}

// algorithmFigure is one algorithm's.
type algorithmFigure struct {
	Algorithm validator.Algorithm `json:"algorithm"`
	// Bytes come with a request in addition to the session cookie.
	Bytes int `json:"bytes"`
	// First is the check of a token that was not seen before; Seen of one that was; Mint makes one.
	First float64 `json:"first_ns"`
	Seen  float64 `json:"seen_ns"`
	Mint  float64 `json:"mint_ns"`
	// PerByte is what a byte more in the token adds to the first check.
	PerByte float64 `json:"per_byte_ns"`
	// WinsFrom is how many requests a token must serve to have cost less than as many look-ups; 0: it never does.
	WinsFrom int `json:"wins_from_requests"`
	// WinsFromRemote is the same for a store that is half a millisecond away.
	WinsFromRemote int `json:"wins_from_requests_remote"`
	// WinsBelow is the size up to which the first check takes less than a look-up; 0: at no size.
	WinsBelow int `json:"wins_below_bytes"`
}

const (
	// remote is the round trip to a store over a network.
	remote = float64(500 * time.Microsecond)
	// largestToken is what a cookie holds.
	largestToken = 4096
)

// conclude fills in what follows from what was measured.
func (f *figures) conclude() {
	for i := range f.Tokens {
		token := &f.Tokens[i]
		token.WinsFrom = token.winsFrom(f.LookUp.Nanoseconds)
		token.WinsFromRemote = token.winsFrom(f.LookUp.Nanoseconds + remote)
		token.WinsBelow = token.winsBelow(f.LookUp.Nanoseconds)
	}
	if len(f.Tokens) > 0 {
		f.Verdict = f.verdict(f.Tokens[0])
	}
}

// verdict says in one sentence whether tokens of an algorithm pay here.
func (f *figures) verdict(token algorithmFigure) string {
	saved := f.LookUp.Nanoseconds - token.Seen
	far := "where the store is half a millisecond away it " + paysFrom(token.WinsFromRemote)
	if token.WinsFrom == 0 {
		return fmt.Sprintf("On this machine a token (%s) never costs less than a look-up: it takes %s a request longer, and %d bytes more; %s.",
			token.Algorithm, short(-saved), token.Bytes, far)
	}
	return fmt.Sprintf("On this machine a token (%s) %s, and then saves %s a request for %d bytes more; %s.",
		token.Algorithm, paysFrom(token.WinsFrom), short(saved), token.Bytes, far)
}

// paysFrom says from which request of its life on a token has cost less than look-ups.
func paysFrom(requests int) string {
	switch requests {
	case 0:
		return "never pays"
	case 1:
		return "pays from its first request on"
	default:
		return "pays from its " + humanize.Ordinal(requests) + " request on"
	}
}

// winsFrom weighs a token's life against look-ups: one look-up to confirm the session, a token made, checked once and
// then remembered, against a look-up for each request.
func (a algorithmFigure) winsFrom(lookUp float64) int {
	saved := lookUp - a.Seen
	if saved <= 0 {
		return 0
	}
	return int(math.Ceil((lookUp + a.Mint + a.First - a.Seen) / saved))
}

func (a algorithmFigure) winsBelow(lookUp float64) int {
	switch {
	case a.First >= lookUp:
		return 0
	case a.PerByte <= 0:
		return largestToken
	}
	return int(min(float64(a.Bytes)+(lookUp-a.First)/a.PerByte, largestToken))
}

func bench(c *call) error {
	progress := &steps{to: c.ErrOrStderr(), total: 2 + 4*len(algorithms)}
	found, err := measure(c.Context(), progress.step)
	progress.done()
	if err != nil {
		return err
	}
	found.conclude()
	if c.is("json") {
		return c.printJSON(found)
	}
	found.print(c)
	return nil
}

func (f figures) print(c *call) {
	lookUp := f.LookUp.Nanoseconds
	c.say("%s\n", f.Verdict)
	c.say("One core of this machine, %s sessions in a Badger store on its disk.", humanize.Comma(int64(f.Sessions)))
	c.say("")
	rows := table{headings: []string{"", "BYTES A REQUEST", "FIRST CHECK", "SEEN BEFORE", "MINT", "REQUESTS/S", "WINS FROM", "STORE 0.5 MS AWAY", "FIRST CHECK WINS"}}
	rows.add("look-up", fmt.Sprint(f.LookUp.CookieBytes), short(lookUp), short(lookUp), "", perSecond(lookUp), "", "", "")
	for _, token := range f.Tokens {
		rows.add(string(token.Algorithm), fmt.Sprintf("%d + %d", f.LookUp.CookieBytes, token.Bytes), short(token.First), short(token.Seen),
			short(token.Mint), perSecond(token.Seen), from(token.WinsFrom), from(token.WinsFromRemote), below(token.WinsBelow))
	}
	rows.print(c.OutOrStdout())
	c.say(`
BYTES A REQUEST: the session cookie, and the token's cookie with it.
REQUESTS/S: what the core could decide if it did nothing else, with tokens that were seen before.
WINS FROM: how many requests a token must serve to have cost less than looking each of them up, its
renewal included. With token_lifetime 1m: requests a minute and user.
FIRST CHECK WINS: up to which size of the token its first check takes less than a look-up.`)
	if len(f.Tokens) > 0 {
		c.say("")
		for line := range strings.SplitSeq(f.onTheWire(f.Tokens[0]), "\n") {
			c.say("%s", line)
		}
	}
}

// onTheWire weighs the bytes of a token against the time that it saves.
func (f figures) onTheWire(token algorithmFigure) string {
	saved := f.LookUp.Nanoseconds - token.Seen
	if saved <= 0 {
		return fmt.Sprintf("A token (%s) takes longer here than a look-up, and %d bytes more.", token.Algorithm, token.Bytes)
	}
	return fmt.Sprintf("A token (%s) saves %s a request here, and costs %d bytes: sending these takes as long at %s Mbit/s, and less\n"+
		"on faster links. With a store 0.5 ms away that is %s Mbit/s.", token.Algorithm, short(saved), token.Bytes,
		megabits(token.Bytes, saved), megabits(token.Bytes, saved+remote))
}

func megabits(bytes int, nanoseconds float64) string {
	return humanize.FtoaWithDigits(float64(bytes)*8/nanoseconds*1000, 1)
}

func short(nanoseconds float64) string {
	switch {
	case nanoseconds >= 1e6:
		return fmt.Sprintf("%.2f ms", nanoseconds/1e6)
	case nanoseconds >= 1e3:
		return fmt.Sprintf("%.1f µs", nanoseconds/1e3)
	default:
		return fmt.Sprintf("%.0f ns", nanoseconds)
	}
}

func perSecond(nanoseconds float64) string {
	if nanoseconds <= 0 {
		return ""
	}
	return humanize.Comma(int64(1e9 / nanoseconds))
}

func from(requests int) string {
	if requests == 0 {
		return "never"
	}
	return plural(int64(requests), "request")
}

func below(bytes int) string {
	switch {
	case bytes == 0:
		return "never"
	case bytes >= largestToken:
		return "always"
	default:
		return fmt.Sprintf("to %d bytes", bytes)
	}
}

// steps shows how far a measurement is, where somebody looks.
type steps struct {
	to    io.Writer
	total int
	taken int
}

func (s *steps) step(what string) {
	if s.taken++; isTerminal(s.to) {
		fmt.Fprintf(s.to, "\r%2d of %d: %s\x1b[K", s.taken, s.total, what)
	}
}

func (s *steps) done() {
	if isTerminal(s.to) {
		fmt.Fprint(s.to, "\r\x1b[K")
	}
}
