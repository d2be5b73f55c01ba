package report

import (
	"fmt"
	"strings"
	"time"
)

// Table is a table in Markdown.
type Table struct {
	// Title stands above it, and Note below it.
	Title, Note string
	Heads       []string
	Rows        [][]string
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// String returns the table in Markdown.
func (t *Table) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "**%s**\n\n", t.Title)
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Heads)
	line(strings.Split(strings.Repeat("---,", len(t.Heads)-1)+"---", ","))
	for _, row := range t.Rows {
		line(row)
	}
	if t.Note != "" {
		fmt.Fprintf(&text, "\n%s\n", t.Note)
	}
	return text.String()
}

// None stands where there is nothing to say.
const None = "–"

// Micros returns a duration in microseconds.
func Micros(d time.Duration) string {
	micros := float64(d) / float64(time.Microsecond)
	if micros < 100 {
		return fmt.Sprintf("%.2f", micros)
	}
	return fmt.Sprintf("%.0f", micros)
}

// Count returns a number, or [None] for 0.
func Count(n int) string {
	if n == 0 {
		return None
	}
	return fmt.Sprint(n)
}

// Met says in a word whether a goal is met.
func Met(met bool) string {
	if met {
		return "met"
	}
	return "**not met**"
}
