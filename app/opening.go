package app

import (
	"errors"
	"sync"
	"sync/atomic"
)

// opening is what a configuration opens: the store, then the keys. Both are opened once and given back once. The zero value is
// not open.
type opening struct {
	core atomic.Pointer[Core] // nil: not open yet

	mutex  sync.Mutex // of what follows; the engine and the keeper never change once they are set
	closed bool
	store  storeLease
	keys   ownKeys
}

var errAppClosed = errors.New("the configuration was replaced")

// once returns what is open, or calls open for it. Such calls come one at a time, and again after one that failed.
func (o *opening) once(open func(*storeLease, *ownKeys) (*Core, error)) (*Core, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if core := o.core.Load(); core != nil {
		return core, nil
	}
	if o.closed {
		return nil, errAppClosed
	}
	core, err := open(&o.store, &o.keys)
	if err != nil {
		return nil, err
	}
	o.core.Store(core)
	return core, nil
}

// close ends what keeps the keys up to date and gives the store back. Nothing can be opened after that; requests that are
// still under way go on with the core that they have.
func (o *opening) close() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.keys.stop()
	o.closed = true
	return o.store.release()
}

// closeStore gives the store back, and nothing else.
func (o *opening) closeStore() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.store.release()
}
