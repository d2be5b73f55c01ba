package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/paths"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/scale"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/server"
)

var page = filepath.Join("..", "docs", "performance.md")

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page has the tables that the command prints, each with all its rows and no others.
func TestPageHasTheTables(t *testing.T) {
	var pathRows []string
	for _, path := range paths.All {
		pathRows = append(pathRows, path.Name)
	}
	text := readPage(t)
	for part, want := range map[string]struct {
		title string
		rows  []string
	}{
		"paths": {paths.Title, pathRows}, "server": {server.Title, server.Rows()}, "scale": {scale.Title, scale.Rows()},
		"breakeven": {breakeven.Title, breakeven.Rows()},
	} {
		begin, end := markers(part)
		_, rest, begins := strings.Cut(text, begin)
		table, _, ends := strings.Cut(rest, end)
		if !begins || !ends {
			t.Errorf("the page lacks the markers of %s", part)
			continue
		}
		if !strings.Contains(table, "**"+want.title+"**") || !strings.Contains(table, "Measured on ") {
			t.Errorf("%s: it does not say what was measured, or where:\n%s", part, table)
		}
		var rows []string
		for line := range strings.Lines(table) {
			if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(cells) > 1 {
				rows = append(rows, strings.TrimPrefix(cells[0], "| "))
			}
		}
		if got := strings.Join(rows[min(2, len(rows)):], "\n"); got != strings.Join(want.rows, "\n") { // the head and the line below it
			t.Errorf("%s: the page has the rows\n%s\nthe command prints\n%s", part, got, strings.Join(want.rows, "\n"))
		}
	}
}

// The chart is the one that is drawn from the page's table.
func TestPageHasTheChartOfItsTable(t *testing.T) {
	figures, err := breakeven.Parse(readPage(t))
	if err != nil {
		t.Fatal(err)
	}
	var drawn bytes.Buffer
	if err := figures.Draw(&drawn); err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadFile(filepath.Join(filepath.Dir(page), chartName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(there, drawn.Bytes()) {
		t.Errorf("draw it anew: go run ./bench chart > docs/%s", chartName)
	}
}

func TestReplaced(t *testing.T) {
	begin, end := markers("paths")
	before := "a\n" + begin + "old\n" + end + "b\n"
	got, err := replaced(before, "paths", "new\n\n")
	if want := "a\n" + begin + "\nnew\n\n" + end + "b\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if again, err := replaced(got, "paths", "new"); err != nil || again != got {
		t.Errorf("the same once more: %q, %v", again, err)
	}
	for _, broken := range []string{"", begin, end, "a " + end + begin} {
		if _, err := replaced(broken, "paths", "new"); err == nil {
			t.Errorf("accepted %q", broken)
		}
	}
}
