//go:build !race

package jwtsession_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// allocationLimits are the most that the paths of BenchmarkHandler may allocate over an empty handler. Time is not
// tested: it is the machine's.
var allocationLimits = map[string]int{
	"token path":                6,
	"token path at first sight": 22,
	"session path":              20,
	"session path and mint":     36,
	"refusal":                   16,
}

// The figures in the docs are not exceeded, nor is what they may come to. The race detector allocates too, so this is
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
			t.Errorf("%s: %d allocations over an empty handler; docs/performance.md says %d, and may say up to %d", name, got, figure, limit)
		}
	}
}

// A token costs the same on a store that gateways share: nobody asks the server about it.
func TestAllocationsOnServer(t *testing.T) {
	const requests = 2000 // so that what goes on in the background does not show
	for _, path := range benchPaths {
		if path.tokens == 0 && !path.refuses {
			continue // it asks the store
		}
		alone := int(testing.AllocsPerRun(requests, path.prepare(t)))
		redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
			if shared := int(testing.AllocsPerRun(requests, path.onServer(t, engine).prepare(t))); shared > alone {
				t.Errorf("%s: %d allocations, %d on a store of its own", path.name, shared, alone)
			}
		})
	}
}

// allocationFigures reads the table in the docs.
func allocationFigures(t *testing.T) map[string]int {
	t.Helper()
	figures := make(map[string]int)
	section := sectionOf(t, "docs/performance.md", "## What the handler allocates")
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \| ([0-9]+) \|`).FindAllStringSubmatch(section, -1) {
		figures[row[1]], _ = strconv.Atoi(row[2]) // digits alone
	}
	return figures
}
