package page

import (
	"slices"
	"sync"
)

// trailLength is how many requests a trail remembers.
const trailLength = 10

// Trail remembers the last requests to all services that share it, whoever made them. Its zero value is ready, and it may
// be used by several goroutines.
type Trail struct {
	mu   sync.Mutex
	last []Request
}

// Add remembers a request.
func (t *Trail) Add(request Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = slices.Insert(t.last, 0, request)
	t.last = t.last[:min(len(t.last), trailLength)]
}

// Newest returns the remembered requests, the newest first.
func (t *Trail) Newest() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.last)
}
