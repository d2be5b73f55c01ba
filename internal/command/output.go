package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// printJSON prints a value for programs.
func (c *call) printJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), printableJSON(indented.String()))
	return err
}

// say prints a line. It makes the arguments printable.
func (c *call) say(format string, arguments ...any) {
	fmt.Fprintf(c.OutOrStdout(), format+"\n", cleaned(arguments)...)
}

// remark prints a line that is no result.
func (c *call) remark(format string, arguments ...any) {
	fmt.Fprintf(c.ErrOrStderr(), format+"\n", cleaned(arguments)...)
}

// wide is the width of a writer that is no terminal.
const wide = 200

// width returns how many columns the writer has.
func width(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return wide
}

// isTerminal reports whether the writer is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// table is rows under a heading each.
type table struct {
	headings []string
	rows     [][]string
}

// add adds a row, whose cells are made printable.
func (t *table) add(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = printable(cell)
	}
	t.rows = append(t.rows, row)
}

// print writes the table. Where it is wider than the terminal, each row becomes a line with its first cell, and the others
// below it: nothing is cut off, since what is cut off can't be copied.
func (t *table) print(w io.Writer) {
	columns := width(w)
	widths := make([]int, len(t.headings))
	for _, row := range append([][]string{t.headings}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	total := 0
	for _, cell := range widths {
		total += cell + 2
	}
	if total-2 > columns {
		t.stack(w, columns)
		return
	}
	for _, row := range append([][]string{t.headings}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]+2-utf8.RuneCountInString(cell)))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

func (t *table) stack(w io.Writer, columns int) {
	for _, row := range t.rows {
		fmt.Fprintln(w, row[0])
		line := "  "
		for i, cell := range row[1:] {
			if cell == "" {
				continue
			}
			part := strings.ToLower(t.headings[i+1]) + " " + cell
			if len(line) > 2 && utf8.RuneCountInString(line)+utf8.RuneCountInString(part)+3 > columns {
				fmt.Fprintln(w, line)
				line = "  "
			}
			if len(line) > 2 {
				line += " · "
			}
			line += part
		}
		if line != "  " {
			fmt.Fprintln(w, line)
		}
	}
}
