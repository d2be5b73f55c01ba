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
