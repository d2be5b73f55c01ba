package breakeven

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// Title is the title of the table.
const Title = "Break-even: a token against a look-up"

// The rows about the token.
const (
	rowSeen  = "token that was seen before (HS256)"
	rowFirst = "token at first sight"
	rowMint  = "making a token"
)

// Rows returns the names of the table's rows.
func Rows() []string {
	return []string{rowSeen, rowFirst, rowMint, rowEmbedded, rowRedis, rowNetwork, rowApplication}
}

// Table returns the figures as a table.
func (f Figures) Table() report.Table {
	table := report.Table{
		Title: Title,
		Heads: []string{"what answers a request", "time, µs", "bytes", "a token saves, µs", "pays from request", "bytes take as long at, Mbit/s"},
		Note: "Pays from request: how many requests a token must serve to have cost less than a look-up for each, with the look-up that" +
			" confirms the session and the making of the token counted in. Bytes take as long: on faster links than this the token wins.",
	}
	bytes := fmt.Sprint(f.Cookie + f.Token.Bytes)
	table.Add(rowSeen, micros(f.Token.Seen), bytes, report.None, report.None, report.None)
	table.Add(rowFirst, micros(f.Token.First), bytes, report.None, report.None, report.None)
	table.Add(rowMint, micros(f.Token.Mint), report.None, report.None, report.None, report.None)
	for _, by := range f.LookUps {
		pays, link := "never", "none"
		if f.Saves(by) > 0 {
			pays, link = fmt.Sprint(f.PaysFrom(by)), fmt.Sprintf("%.1f", f.AsLongAt(by))
		}
		table.Add(by.Name, micros(by.Time), fmt.Sprint(f.Cookie), micros(f.Saves(by)), pays, link)
	}
	return table
}

func micros(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 2, 64)
}

// Parse reads the figures of a table in a text.
func Parse(text string) (Figures, error) {
	_, text, found := strings.Cut(text, "**"+Title+"**")
	if !found {
		return Figures{}, fmt.Errorf("there is no table %q", Title)
	}
	var f Figures
	var err error
	rows := map[string]func(cells []string){
		rowSeen: func(cells []string) {
			f.Token.Seen, f.Token.Bytes = duration(cells[1], &err), number(cells[2], &err)
		},
		rowFirst: func(cells []string) { f.Token.First = duration(cells[1], &err) },
		rowMint:  func(cells []string) { f.Token.Mint = duration(cells[1], &err) },
	}
	for _, name := range []string{rowEmbedded, rowRedis, rowNetwork, rowApplication} {
		rows[name] = func(cells []string) {
			f.LookUps = append(f.LookUps, LookUp{name, duration(cells[1], &err)})
			f.Cookie = number(cells[2], &err)
		}
	}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		if read, known := rows[cells[0]]; known && len(cells) == 6 {
			read(cells)
			delete(rows, cells[0])
		}
	}
	if len(rows) > 0 {
		return Figures{}, fmt.Errorf("the table %q lacks rows", Title)
	}
	f.Token.Bytes -= f.Cookie
	return f, err
}

func duration(cell string, failed *error) time.Duration {
	value, err := strconv.ParseFloat(cell, 64)
	*failed = errors.Join(*failed, err)
	return time.Duration(value * float64(time.Microsecond))
}

func number(cell string, failed *error) int {
	value, err := strconv.Atoi(cell)
	*failed = errors.Join(*failed, err)
	return value
}
