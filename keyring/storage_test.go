package keyring

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

var ctx = context.Background()

// start is when the tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var errStorage = errors.New("the storage does not answer")

// memoryStorage is a storage that tests can break. Its lock is one, so that a change that forgets it is seen.
type memoryStorage struct {
	lock chan struct{}

	mutex   sync.Mutex
	text    []byte
	failing bool
	loads   int
	stores  int
	held    bool
	atLoad  func() // called by Load when it has read, before it returns
	atStore func(last, next []byte)
}

func newMemoryStorage() *memoryStorage { return &memoryStorage{lock: make(chan struct{}, 1)} }

func (s *memoryStorage) Lock(ctx context.Context, _ string) error {
	if s.isFailing() {
		return errStorage
	}
	select {
	case s.lock <- struct{}{}:
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.held = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *memoryStorage) Unlock(context.Context, string) error {
	s.mutex.Lock()
	s.held = false
	s.mutex.Unlock()
	<-s.lock
	return nil
}

func (s *memoryStorage) Load(_ context.Context, key string) ([]byte, error) {
	if key != Path {
		return nil, errors.New("another key")
	}
	s.mutex.Lock()
	s.loads++
	text, failing, atLoad := s.text, s.failing, s.atLoad
	s.mutex.Unlock()
	if atLoad != nil {
		atLoad()
	}
	switch {
	case failing:
		return nil, errStorage
	case text == nil:
		return nil, fs.ErrNotExist
	}
	return text, nil
}

func (s *memoryStorage) Store(_ context.Context, key string, value []byte) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if key != Path || !s.held {
		return errors.New("another key, or no lock")
	}
	if s.failing {
		return errStorage
	}
	if s.atStore != nil {
		s.atStore(s.text, value)
	}
	s.text = value
	s.stores++
	return nil
}

func (s *memoryStorage) isFailing() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.failing
}

// change changes the storage behind the keepers' backs.
func (s *memoryStorage) change(change func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change()
}

func (s *memoryStorage) count() (loads, stores int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.loads, s.stores
}

// world is a storage, a clock, and the gateways that share both.
type world struct {
	*testing.T
	*testclock.Clock

	storage *memoryStorage
	mutex   sync.Mutex
	changes []Change
	reports []error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{T: t, storage: newMemoryStorage(), Clock: testclock.At(start)}
}

func (w *world) changed(change Change) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.changes = append(w.changes, change)
}

func (w *world) report(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.reports = append(w.reports, err)
}

// taken returns the changes and reports since the last call.
func (w *world) taken() (changes []Change, reports []error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	changes, reports = w.changes, w.reports
	w.changes, w.reports = nil, nil
	return changes, reports
}

func (w *world) options() Options {
	return Options{
		Algorithm: validator.HS256, RotateEvery: time.Hour, KeyDelay: 5 * time.Minute, TokenLifetime: time.Minute,
		Now: w.Now, Report: w.report, Changed: w.changed,
	}
}

func (w *world) open(change func(*Options)) *Keeper {
	w.Helper()
	options := w.options()
	if change != nil {
		change(&options)
	}
	keeper, err := Open(ctx, w.storage, options)
	if err != nil {
		w.Fatal(err)
	}
	return keeper
}

// tickUntil lets the gateways do what they do in the background until the clock has moved on by d.
func (w *world) tickUntil(d time.Duration, keepers ...*Keeper) {
	for end := w.Now().Add(d); ; {
		pause := end.Sub(w.Now())
		if pause <= 0 {
			return
		}
		for _, keeper := range keepers {
			pause = min(pause, keeper.pause())
		}
		w.Advance(pause)
		for _, keeper := range keepers {
			keeper.tick(ctx)
		}
	}
}
