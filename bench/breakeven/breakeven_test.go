package breakeven

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

var example = Figures{
	Token: Token{Bytes: 300, Mint: 1400 * time.Nanosecond, First: 400 * time.Nanosecond, Seen: 200 * time.Nanosecond}, Cookie: 40,
	LookUps: []LookUp{
		{rowEmbedded, 1000 * time.Nanosecond},
		{rowRedis, 20 * time.Microsecond},
		{rowNetwork, 520 * time.Microsecond},
		{rowApplication, 100 * time.Nanosecond},
	},
}

func TestArithmetic(t *testing.T) {
	embedded, application := example.LookUps[0], example.LookUps[3]
	// 1000 + 1400 + 400 - 200 is what the token costs at first, 800 what it saves with each request.
	if got := example.PaysFrom(embedded); got != 4 {
		t.Errorf("it pays from request %d, want 4", got)
	}
	if below, above := example.Average(embedded, 4), example.Average(embedded, 3); below > embedded.Time || above <= embedded.Time {
		t.Errorf("on the average a request takes %v with 4 requests and %v with 3: the break-even at 4 is another", below, above)
	}
	if got := example.AsLongAt(embedded); got != 3000 { // 2,400 bits in 0.8 µs
		t.Errorf("the bytes take as long at %v Mbit/s, want 3000", got)
	}
	if got, want := example.Sending(3000), example.Saves(embedded); got != want {
		t.Errorf("sending takes %v there, want %v", got, want)
	}
	if example.PaysFrom(application) != 0 || example.AsLongAt(application) != 0 {
		t.Error("a token that takes longer than a look-up pays")
	}
}

// What a table says is read as it was written.
func TestParse(t *testing.T) {
	table := example.Table()
	text := "before\n\n" + table.String() + "\nafter | it\n"
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	again := got.Table()
	if again.String() != table.String() {
		t.Errorf("got\n%s\nwant\n%s", again.String(), table.String())
	}
	for i, row := range Rows() {
		if table.Rows[i][0] != row {
			t.Errorf("row %d is %q, Rows says %q", i, table.Rows[i][0], row)
		}
	}
	for _, broken := range []string{
		"", strings.Replace(text, Title, "Another", 1), strings.Replace(text, rowRedis, "look-up elsewhere", 1),
		strings.Replace(text, "0.20", "short", 1),
	} {
		if _, err := Parse(broken); err == nil {
			t.Errorf("accepted\n%s", broken)
		}
	}
}

// The chart is an SVG with the curves of all look-ups, and dots where the token begins to win.
func TestDraw(t *testing.T) {
	var drawn bytes.Buffer
	if err := example.Draw(&drawn); err != nil {
		t.Fatal(err)
	}
	text := drawn.String()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	// Left two curves of each look-up; right the token's bytes, and what is saved by all but the one that is quicker.
	if got := strings.Count(text, "<polyline"); got != 4*2+1+3 {
		t.Errorf("%d curves", got)
	}
	// Left three, right two: the embedded store's is outside, at 3,000 Mbit/s.
	if got := strings.Count(text, "<circle"); got != 3+2 {
		t.Errorf("%d dots", got)
	}
	for _, by := range example.LookUps {
		if name := strings.ReplaceAll(by.Name, "`", ""); !strings.Contains(text, name) {
			t.Errorf("the legend lacks %s", name)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("something could not be placed")
	}
}
