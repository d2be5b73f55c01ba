package command

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// progressEvery is how often progress is shown.
const progressEvery = 200 * time.Millisecond

// progress shows how much of something has been read, where somebody looks.
type progress struct {
	io.Reader

	to         io.Writer // nil: nobody looks
	what       string
	size       int64 // 0: not known
	countLines bool

	began, shown time.Time
	bytes, lines int64
}

func newProgress(to io.Writer, what string, from io.Reader, size int64) *progress {
	if !isTerminal(to) {
		to = nil
	}
	return &progress{Reader: from, to: to, what: what, size: size, began: time.Now()}
}

// Read reads, and shows how far it is.
func (p *progress) Read(into []byte) (int, error) {
	n, err := p.Reader.Read(into)
	p.bytes += int64(n)
	if p.countLines {
		p.lines += int64(bytes.Count(into[:n], []byte{'\n'}))
	}
	if p.to != nil && time.Since(p.shown) >= progressEvery {
		p.shown = time.Now()
		fmt.Fprintf(p.to, "\r%s\x1b[K", p.line(width(p.to)))
	}
	return n, err
}

// line is what is shown: a bar where the end is known, and how fast it goes.
func (p *progress) line(columns int) string {
	parts := []string{humanize.IBytes(uint64(p.bytes))}
	if p.countLines {
		parts = append(parts, humanize.Comma(p.lines)+" lines")
	}
	if seconds := time.Since(p.began).Seconds(); seconds > 0.5 {
		parts = append(parts, humanize.IBytes(uint64(float64(p.bytes)/seconds))+"/s")
	}
	text := p.what + " " + strings.Join(parts, ", ")
	const bar = 20
	if p.size > 0 && len(text)+bar+8 <= columns {
		share := min(float64(p.bytes)/float64(p.size), 1)
		filled := int(share * bar)
		text = fmt.Sprintf("%s [%s%s] %3.0f%%", text, strings.Repeat("#", filled), strings.Repeat(".", bar-filled), share*100)
	}
	if len(text) >= columns {
		text = text[:max(columns-1, 0)]
	}
	return text
}

// done removes the line.
func (p *progress) done() {
	if p.to != nil {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
