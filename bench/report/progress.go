package report

import (
	"fmt"
	"io"
	"time"
)

// Progress says how far a measurement is, a line for each step.
type Progress struct {
	to    io.Writer
	began time.Time
	part  string
	taken int
	total int
}

// NewProgress returns the progress of no part yet.
func NewProgress(to io.Writer) *Progress { return &Progress{to: to, began: time.Now()} }

// Part begins a part of so many steps.
func (p *Progress) Part(name string, steps int) { p.part, p.taken, p.total = name, 0, steps }

// Step begins a step.
func (p *Progress) Step(format string, arguments ...any) {
	p.taken++
	fmt.Fprintf(p.to, "%4ds  %s %d/%d: %s\n", int(time.Since(p.began).Seconds()), p.part, p.taken, p.total, fmt.Sprintf(format, arguments...))
}
