package paths

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
)

// Each chain, the floor's too, answers as its path says, with the records of sessions in tables on disk. Measuring another path
// than meant is an error.
func TestEveryPath(t *testing.T) {
	settings := Settings{Users: 20, Time: time.Millisecond, Revoked: 500, Floor: true}
	measured := 0
	for _, one := range settings.subjects() {
		t.Run(one.name, func(t *testing.T) {
			one.spec.Ballast, one.spec.Dir = 0, filepath.Join(t.TempDir(), "chain")
			found, err := chain.Measure(one.spec)
			if err != nil {
				t.Fatal(err)
			}
			if found.Allocations <= 0 || found.Bytes <= 0 {
				t.Errorf("got %+v", found)
			}
			if measured++; one.name != mint {
				return
			}
			one.spec.Sets = false
			one.spec.Dir = filepath.Join(t.TempDir(), "chain")
			if _, err := chain.Measure(one.spec); err == nil || !strings.Contains(err.Error(), "another path than meant") {
				t.Errorf("an answer with a token where none is expected: %v", err)
			}
		})
	}
	if want := 2*len(All) + 1; measured != want { // all but the rolling session have a floor, and there are two bare chains
		t.Errorf("%d chains, want %d", measured, want)
	}
}

// made returns results in which each path costs as much as all others.
func made(ours, floor time.Duration) Results {
	var results Results
	for _, path := range All {
		results = append(results, Row{
			Path: path, Ours: chain.Measured{CPU: ours, Allocations: 6.3, Bytes: 700}, Floor: chain.Measured{CPU: floor, Allocations: 5, Bytes: 400},
		})
	}
	return results
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		ours, floor time.Duration
		missed      string // the paths, by their place
	}{
		{1300 * time.Nanosecond, 1000 * time.Nanosecond, ""},
		{1301 * time.Nanosecond, 1000 * time.Nanosecond, "01"},
		{7001 * time.Nanosecond, 4000 * time.Nanosecond, "012"},
		{15 * time.Microsecond, 9 * time.Microsecond, "01234"},
		{15 * time.Microsecond, 15 * time.Microsecond, "4"},
	} {
		missed := ""
		for i, row := range made(c.ours, c.floor).Table().Rows {
			if row[5] == "**not met**" {
				missed += string(rune('0' + i))
			}
		}
		if missed != c.missed {
			t.Errorf("ours %v, floor %v: missed %q, want %q", c.ours, c.floor, missed, c.missed)
		}
	}
	// Goals that are about other paths.
	results := made(time.Microsecond, time.Microsecond)
	results[6].Ours.CPU, results[8].Ours.CPU = 2001*time.Nanosecond, 1501*time.Nanosecond
	for _, i := range []int{6, 8} {
		if got := results.Table().Rows[i][5]; got != "**not met**" {
			t.Errorf("%s: %q", results[i].Name, got)
		}
	}
}

// One allocation or byte above a bound is found. An average is rounded.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		allocations, bytes float64 // over the bound
		within             bool
	}{{0, 0, true}, {0.4, 0.4, true}, {1, 0, false}, {0, 1, false}, {-3, -100, true}} {
		results := made(0, 0)
		for i := range results {
			results[i].Ours.Allocations, results[i].Ours.Bytes = float64(results[i].Bound.Allocations), float64(results[i].Bound.Bytes)
		}
		results[3].Ours.Allocations += c.allocations
		results[3].Ours.Bytes += c.bytes
		table, within := results.Check()
		if within != c.within || strings.Contains(table.String(), "too many") == c.within {
			t.Errorf("%+v: within %t\n%s", c, within, table.String())
		}
	}
}

// Every path has a bound.
func TestEveryPathHasABound(t *testing.T) {
	for _, path := range All {
		if path.Bound.Allocations <= 0 || path.Bound.Bytes <= 0 {
			t.Errorf("%s: the bound is %+v", path.Name, path.Bound)
		}
	}
}
