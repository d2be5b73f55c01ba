//go:build !race

package jwtsession_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// allocationLimits are the most that the paths of BenchmarkHandler may allocate over an empty handler. Time is not
// tested: it is the machine's.
var allocationLimits = map[string]int{
	"token path":                12,
	"token path at first sight": 40,
	"session path":              20,
	"session path and mint":     40,
	"refusal":                   20,
}

// The figures in the README are not exceeded, nor is what they may come to. The race detector allocates too, so this is
// not for it.
func TestAllocations(t *testing.T) {
	const requests = 500
	measured := make(map[string]int)
	for _, path := range benchPaths {
		measured[path.name] = int(testing.AllocsPerRun(requests, path.prepare(t)))
	}
	figures := allocationFigures(t)
	for name, limit := range allocationLimits {
		got := measured[name] - measured["none"]
		if got <= 0 || got > limit {
			t.Errorf("%s: %d allocations over an empty handler, want at most %d", name, got, limit)
		}
		if figure, ok := figures[name]; !ok || got > figure || figure > limit {
			t.Errorf("%s: %d allocations over an empty handler; the README says %d, and may say up to %d", name, got, figure, limit)
		}
	}
}

// allocationFigures reads the table in the README.
func allocationFigures(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	figures := make(map[string]int)
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \| ([0-9]+) \|`).FindAllStringSubmatch(string(text), -1) {
		figures[row[1]], _ = strconv.Atoi(row[2]) // digits alone
	}
	return figures
}
