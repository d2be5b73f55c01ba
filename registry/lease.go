package registry

import (
	"io"
	"sync/atomic"
)

// Lease is the right to use what is open, until it is released.
type Lease[T io.Closer] struct {
	registry *Registry[T]
	key      string
	entry    *entry[T]
	released atomic.Bool
}

// Value returns what is open. It must not be used once the lease is released.
func (l *Lease[T]) Value() T { return l.entry.value }

// Release gives the lease back. With the last one the thing is closed before Release returns, and the error is that of
// closing. A second call does nothing. It is safe for concurrent use.
func (l *Lease[T]) Release() error {
	if l.released.Swap(true) {
		return nil
	}
	return l.registry.release(l.key, l.entry)
}
