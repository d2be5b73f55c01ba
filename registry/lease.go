package registry

import (
	"io"
	"sync/atomic"
)

// Lease is the right to use an open thing until the lease is released.
type Lease[T io.Closer] struct {
	registry *Registry[T]
	key      string
	entry    *entry[T]
	released atomic.Bool
}

// Value returns the open thing. It must not be used after the lease is released.
func (l *Lease[T]) Value() T { return l.entry.value }

// Release gives the lease back. If it was the last one, Release closes the thing and returns the error of closing it. Further
// calls do nothing. Release is safe for concurrent use.
func (l *Lease[T]) Release() error {
	if l.released.Swap(true) {
		return nil
	}
	return l.registry.release(l.key, l.entry)
}
