package command

import (
	"strings"
	"testing"
	"time"
)

func TestTableStacksWhereItDoesNotFit(t *testing.T) {
	rows := table{headings: []string{"SESSION", "USER", "SEEN", "NOTE"}}
	rows.add("0123456789012345678901234567890123456789", "alice", "5m", "")
	rows.add("short", "bob", "1h", "a note")
	var broad, narrow strings.Builder
	rows.print(&broad)
	if want := "SESSION                                   USER   SEEN  NOTE\n" +
		"0123456789012345678901234567890123456789  alice  5m\n" +
		"short                                     bob    1h    a note\n"; broad.String() != want {
		t.Errorf("got\n%swant\n%s", broad.String(), want)
	}
	rows.stack(&narrow, 24)
	if want := "0123456789012345678901234567890123456789\n  user alice · seen 5m\nshort\n  user bob · seen 1h\n  note a note\n"; narrow.String() != want {
		t.Errorf("got\n%swant\n%s", narrow.String(), want)
	}
}

func TestProgressLine(t *testing.T) {
	p := &progress{what: "Importing", size: 2 << 20, bytes: 1 << 20, lines: 1234, countLines: true, began: time.Now()}
	if got, want := p.line(100), "Importing 1.0 MiB, 1,234 lines [##########..........]  50%"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.line(30); len(got) >= 30 || strings.Contains(got, "[") {
		t.Errorf("in 30 columns: %q", got)
	}
	p.size = 0
	if got := p.line(100); strings.Contains(got, "%") {
		t.Errorf("of unknown size: %q", got)
	}
}

// What follows from figures is arithmetic, and must be right where one side never wins.
func TestBreakEven(t *testing.T) {
	found := figures{LookUp: lookUpFigures{Nanoseconds: 1000}, Tokens: []algorithmFigure{
		{Bytes: 300, First: 400, Seen: 200, Mint: 1400, PerByte: 0.5},
		{Bytes: 300, First: 5000, Seen: 1500, Mint: 1000, PerByte: 1},
		{Bytes: 300, First: 900, Seen: 100, Mint: 100, PerByte: 0},
	}}
	found.conclude()
	// 1000 + 1400 + 400 - 200 is what the token costs at first, 800 what it saves with each request.
	if first := found.Tokens[0]; first.WinsFrom != 4 || first.WinsBelow != 1500 {
		t.Errorf("got %+v", first)
	}
	// The second loses to a look-up here; one that takes half a millisecond more it beats with the second request.
	if second := found.Tokens[1]; second.WinsFrom != 0 || second.WinsBelow != 0 || second.WinsFromRemote != 2 {
		t.Errorf("a token that takes longer: %+v", second)
	}
	if third := found.Tokens[2]; third.WinsBelow != largestToken {
		t.Errorf("a token whose size makes no difference: %+v", third)
	}
}

// The verdict says whether a token pays, whoever wins.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		lookUp float64
		token  algorithmFigure
		want   string
	}{
		{
			1000,
			algorithmFigure{Algorithm: "HS256", Bytes: 300, First: 400, Seen: 200, Mint: 1400},
			"On this machine a token (HS256) pays from its 4th request on, and then saves 800 ns a request for 300 bytes more; " +
				"where the store is half a millisecond away it pays from its 2nd request on.",
		},
		{
			1000,
			algorithmFigure{Algorithm: "RS256", Bytes: 600, First: 40000, Seen: 1500, Mint: 900000},
			"On this machine a token (RS256) never costs less than a look-up: it takes 500 ns a request longer, and 600 bytes more; " +
				"where the store is half a millisecond away it pays from its 3rd request on.",
		},
		{
			1000,
			algorithmFigure{Algorithm: "HS256", Bytes: 300, Seen: 600_000},
			"On this machine a token (HS256) never costs less than a look-up: it takes 599.0 µs a request longer, and 300 bytes more; " +
				"where the store is half a millisecond away it never pays.",
		},
		{
			1_000_000,
			algorithmFigure{Algorithm: "HS256", Bytes: 300, Seen: -1},
			"On this machine a token (HS256) pays from its first request on, and then saves 1.00 ms a request for 300 bytes more; " +
				"where the store is half a millisecond away it pays from its first request on.",
		},
	} {
		found := figures{LookUp: lookUpFigures{Nanoseconds: c.lookUp}, Tokens: []algorithmFigure{c.token}}
		if found.conclude(); found.Verdict != c.want {
			t.Errorf("got\n%s\nwant\n%s", found.Verdict, c.want)
		}
	}
}
