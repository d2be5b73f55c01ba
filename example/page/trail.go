package shop

import (
	"slices"
	"sync"
)

// trailLength is how many requests the trail remembers.
const trailLength = 10

// trail remembers the last requests to the shop, whoever made them.
type trail struct {
	mu   sync.Mutex
	last []received
}

func (t *trail) add(request received) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = slices.Insert(t.last, 0, request)
	t.last = t.last[:min(len(t.last), trailLength)]
}

// newest returns the remembered requests, the newest first.
func (t *trail) newest() []received {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.last)
}
