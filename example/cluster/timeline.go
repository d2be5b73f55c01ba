package main

import (
	"slices"
	"sync"
	"time"
)

// timelineLength is how many moments a timeline remembers.
const timelineLength = 14

// moment is something that happened: a request, or, if Event is there, something that was done to the cluster.
type moment struct {
	Time  time.Time
	Event string

	Gateway, Method, Path string
	Status                int    // 0: no answer
	Via, User             string // as the gateway says
}

// Clock is the time of day.
func (m moment) Clock() string { return m.Time.Format("15:04:05") }

// Style is how the page shows the status.
func (m moment) Style() string {
	switch {
	case m.Status == 0 || m.Status >= 500:
		return "down"
	case m.Status >= 400:
		return "refused"
	}
	return "running"
}

// timeline remembers the last moments. Its zero value is ready, and it may be used by several goroutines.
type timeline struct {
	mu   sync.Mutex
	last []moment
}

func (t *timeline) add(happened moment) {
	happened.Time = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = slices.Insert(t.last, 0, happened)
	t.last = t.last[:min(len(t.last), timelineLength)]
}

// newest returns the remembered moments, the newest first.
func (t *timeline) newest() []moment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.last)
}
