package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
)

// chartName is the name of the chart beside a page.
const chartName = "break-even.svg"

// The markers of a part in a page.
func markers(part string) (begin, end string) {
	return "<!-- bench " + part + ": begin -->\n", "<!-- bench " + part + ": end -->\n"
}

// replaced returns a page with another text between the markers of a part.
func replaced(page, part, text string) (string, error) {
	begin, end := markers(part)
	before, rest, begins := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return "", fmt.Errorf("the page lacks the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + after, nil
}

// writeInto writes the text of a part into a page, and draws the chart anew that is made of it.
func writeInto(name, part, text string) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed, err := replaced(string(page), part, text)
	if err != nil {
		return fmt.Errorf("writing into %s: %w", name, err)
	}
	if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
		return err
	}
	if part != "breakeven" {
		return nil
	}
	figures, err := breakeven.Parse(changed)
	if err != nil {
		return err
	}
	var drawn bytes.Buffer
	if err := figures.Draw(&drawn); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(name), chartName), drawn.Bytes(), 0o644)
}
