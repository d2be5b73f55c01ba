package statuspage

import (
	"slices"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
)

func TestShareChart(t *testing.T) {
	chart := newShareChart("", map[string]uint64{"token": 3, "none": 1, "session": 0, "could_not_tell": 4})
	want := []sharePart{
		{counted{"could not tell", 4}, "bad", 0, 50}, {counted{"token", 3}, "token", 50, 37.5}, {counted{"nobody", 1}, "none", 87.5, 12.5},
	}
	if len(chart.Parts) != len(want) {
		t.Fatalf("got %+v", chart.Parts)
	}
	for i, part := range chart.Parts {
		if part != want[i] {
			t.Errorf("got %+v, want %+v", part, want[i])
		}
	}
	if chart := newShareChart("", nil); len(chart.Parts) != 0 {
		t.Errorf("of nothing: %+v", chart)
	}
}

func TestSpreadChart(t *testing.T) {
	chart := spreadOf("", []float64{.001, .002, .005, .01, .02}, []uint64{0, 10, 0, 5, 0})
	if chart.From != "to 2ms" || chart.To != "to 10ms" || len(chart.Bars) != 3 {
		t.Fatalf("got %+v", chart)
	}
	if chart.Bars[0].Height != 29.5 || chart.Bars[1].Height != 0 || chart.Bars[2].Height != 14.75 {
		t.Errorf("got %+v", chart.Bars)
	}
	if chart := spreadOf("", []float64{1}, []uint64{0}); len(chart.Bars) != 0 {
		t.Errorf("of nothing: %+v", chart)
	}
}

// What is configured stands first on the page.
func TestStatusShowsConfiguredRealmsFirst(t *testing.T) {
	realms := map[string]status.Realm{"a.example": {}, "shop": {Modes: []string{"mixed"}}, "b.example": {}, "blog": {Modes: []string{"mixed", "stateless"}}}
	if got := realmsInOrder(realms); !slices.Equal(got, []string{"blog", "shop", "a.example", "b.example"}) {
		t.Errorf("got %q", got)
	}
}
