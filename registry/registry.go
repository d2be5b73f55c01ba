package registry

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrOptions is returned, wrapped, by [Registry.Acquire] if the thing is open with other options.
var ErrOptions = errors.New("options can't be changed while it is open")

// errPanicked is returned to those who waited for an open that panicked. The panic itself goes to the opener.
var errPanicked = errors.New("opening it panicked in another goroutine")

// Registry holds open things by key. The zero value is empty and ready to use. Its methods are safe for concurrent use. A
// Registry must not be copied after first use.
type Registry[T io.Closer] struct {
	mu      sync.Mutex
	entries map[string]*entry[T]
}

// entry is one thing on its way from opening to closed. It is in the map all that time and no longer.
type entry[T io.Closer] struct {
	options string
	users   int           // leases, and those who wait for one; guarded by the registry's lock
	closed  chan struct{} // not nil once closing has begun, and closed when it is over; guarded likewise

	opened chan struct{} // closed when the two below stand
	value  T
	err    error
}

// Acquire returns a lease on the thing that is open under the key. If there is none, Acquire calls open. Calls that come
// meanwhile wait and share the outcome, errors included. While the last lease is being released, Acquire waits and then opens
// anew.
//
// The options are a text that describes how the thing is opened. If they differ from those of the open thing, the error wraps
// [ErrOptions] and names both. So the key and the options must hold no secrets. If open panics, Acquire passes the panic on.
func (r *Registry[T]) Acquire(key, options string, open func() (T, error)) (*Lease[T], error) {
	for {
		r.mu.Lock()
		e := r.entries[key]
		switch {
		case e == nil:
			e = r.add(key, options)
			r.mu.Unlock()
			return r.open(key, e, open)
		case e.closed != nil:
			r.mu.Unlock()
			<-e.closed
		case e.options != options:
			r.mu.Unlock()
			return nil, fmt.Errorf("opening %q with options %q: %w, and it is open with %q: restart to change them",
				key, options, ErrOptions, e.options)
		default:
			e.users++
			r.mu.Unlock()
			<-e.opened
			return r.lease(key, e)
		}
	}
}

// add is called with the lock held.
func (r *Registry[T]) add(key, options string) *entry[T] {
	e := &entry[T]{options: options, users: 1, opened: make(chan struct{}), err: errPanicked}
	if r.entries == nil {
		r.entries = make(map[string]*entry[T])
	}
	r.entries[key] = e
	return e
}

func (r *Registry[T]) open(key string, e *entry[T], open func() (T, error)) (*Lease[T], error) {
	// Deferred, so that it is done after a panic too.
	defer close(e.opened)
	defer func() {
		if e.err != nil {
			r.remove(key)
		}
	}()
	e.value, e.err = open()
	return r.lease(key, e)
}

func (r *Registry[T]) lease(key string, e *entry[T]) (*Lease[T], error) {
	if e.err != nil {
		return nil, fmt.Errorf("opening %q: %w", key, e.err)
	}
	return &Lease[T]{registry: r, key: key, entry: e}, nil
}

func (r *Registry[T]) remove(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, key)
}

// release gives up one use, and closes with the last one.
func (r *Registry[T]) release(key string, e *entry[T]) error {
	r.mu.Lock()
	e.users--
	if e.users > 0 {
		r.mu.Unlock()
		return nil
	}
	e.closed = make(chan struct{})
	r.mu.Unlock()
	defer close(e.closed)
	defer r.remove(key) // before those who wait go on
	return e.value.Close()
}
