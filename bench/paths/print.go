package paths

import (
	"fmt"
	"math"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// Title is the title of the table of paths.
const Title = "What the gateway adds to a request, over a bare chain"

// Table returns what was measured, with goals beside it.
func (r Results) Table() report.Table {
	table := report.Table{
		Title: Title,
		Heads: []string{"path", "CPU, µs", "floor", "× floor", "goal", "", "allocations", "floor", "goal", "bytes", "floor", "goal", ""},
		Note: "A bare chain is Caddy with `respond`, behind a handler that does nothing. Floor is the handler to throw away that does by hand what the contract demands." +
			" CPU is of all threads, by getrusage.",
	}
	for _, row := range r {
		cells := []string{row.Name, report.Micros(row.Ours.CPU), report.None, report.None, report.None, ""}
		floorAllocations, floorBytes := report.None, report.None
		if row.Path.Floor != "" {
			cells[2], cells[3] = report.Micros(row.Floor.CPU), fmt.Sprintf("%.2f", float64(row.Ours.CPU)/float64(row.Floor.CPU))
			floorAllocations, floorBytes = fmt.Sprint(whole(row.Floor.Allocations)), fmt.Sprint(whole(row.Floor.Bytes))
		}
		if row.Goal.met != nil {
			cells[4], cells[5] = row.Goal.CPU, report.Met(row.Goal.met(row, r))
		}
		allocations, bytes := whole(row.Ours.Allocations), whole(row.Ours.Bytes)
		cells = append(cells, fmt.Sprint(allocations), floorAllocations, report.Count(row.Goal.Allocations),
			fmt.Sprint(bytes), floorBytes, report.Count(row.Goal.Bytes), "")
		if row.Goal.Allocations > 0 {
			cells[len(cells)-1] = report.Met(allocations <= row.Goal.Allocations && (row.Goal.Bytes == 0 || bytes <= row.Goal.Bytes))
		}
		table.Add(cells...)
	}
	return table
}

// Check returns the allocations with their bounds and goals, and whether all are within their bounds.
func (r Results) Check() (table report.Table, within bool) {
	table = report.Table{
		Title: "Allocations and bytes a request, over a bare chain",
		Heads: []string{"path", "allocations", "bound", "goal", "bytes", "bound", "goal", ""},
		Note:  "What is above a bound fails the command. The bounds and the goals are in bench/paths/paths.go.",
	}
	within = true
	for _, row := range r {
		allocations, bytes := whole(row.Ours.Allocations), whole(row.Ours.Bytes)
		verdict := "ok"
		if allocations > row.Bound.Allocations || bytes > row.Bound.Bytes {
			verdict, within = "**too many**", false
		}
		table.Add(row.Name, fmt.Sprint(allocations), fmt.Sprint(row.Bound.Allocations), report.Count(row.Goal.Allocations),
			fmt.Sprint(bytes), fmt.Sprint(row.Bound.Bytes), report.Count(row.Goal.Bytes), verdict)
	}
	return table, within
}

// whole rounds an average. What goes on in the background adds less than a half.
func whole(average float64) int { return int(math.Round(average)) }
