package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/registry"
)

// door says when it is closed, and may be told to wait with that.
type door struct {
	closes  atomic.Int32
	failure error
	wait    chan struct{}
}

func (d *door) Close() error {
	d.closes.Add(1)
	if d.wait != nil {
		<-d.wait
	}
	return d.failure
}

type doors = registry.Registry[*door]

func acquire(t testing.TB, r *doors, open func() (*door, error)) *registry.Lease[*door] {
	t.Helper()
	lease, err := r.Acquire("key", "options", open)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return lease
}

func opening(d *door) func() (*door, error) { return func() (*door, error) { return d, nil } }

func mustNotOpen(t testing.TB) func() (*door, error) {
	return func() (*door, error) { t.Error("opened"); return nil, errors.New("opened") }
}

func TestTheLastUserCloses(t *testing.T) {
	var r doors
	shared := &door{failure: errors.New("stuck")}
	first := acquire(t, &r, opening(shared))
	second := acquire(t, &r, mustNotOpen(t))
	if first.Value() != shared || second.Value() != shared {
		t.Error("the leases have different values")
	}
	for range 3 { // the second release and the third are not the other user's
		if err := first.Release(); err != nil {
			t.Errorf("Release with another user: %v", err)
		}
	}
	if closes := shared.closes.Load(); closes != 0 {
		t.Fatalf("closed %d times while in use", closes)
	}
	if err := second.Release(); !errors.Is(err, shared.failure) {
		t.Errorf("the last Release = %v, want the error of closing", err)
	}
	if err := second.Release(); err != nil {
		t.Errorf("the second Release of one lease: %v", err)
	}
	if closes := shared.closes.Load(); closes != 1 {
		t.Errorf("closed %d times, want once", closes)
	}
	anew := &door{}
	if got := acquire(t, &r, opening(anew)).Value(); got != anew {
		t.Error("after a failing close the old value came back")
	}
}

func TestKeysAreApart(t *testing.T) {
	var r doors
	one, two := &door{}, &door{}
	first, err := r.Acquire("one", "", opening(one))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Acquire("two", "", opening(two))
	if err != nil {
		t.Fatal(err)
	}
	if first.Value() != one || second.Value() != two {
		t.Error("the keys share a value")
	}
	_ = first.Release()
	if one.closes.Load() != 1 || two.closes.Load() != 0 {
		t.Error("releasing one key closed the wrong one")
	}
}

func TestOtherOptionsAreRefused(t *testing.T) {
	var r doors
	first := acquire(t, &r, opening(&door{}))
	_, err := r.Acquire("key", "others", mustNotOpen(t))
	if !errors.Is(err, registry.ErrOptions) {
		t.Fatalf("Acquire = %v, want ErrOptions", err)
	}
	for _, part := range []string{`"key"`, `"options"`, `"others"`, "restart"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q lacks %s", err, part)
		}
	}
	if closes := first.Value().closes.Load(); closes != 0 {
		t.Error("the refusal closed what was open")
	}
	_ = first.Release()
	if _, err := r.Acquire("key", "others", opening(&door{})); err != nil {
		t.Errorf("other options once it is closed: %v", err)
	}
}

func TestWaitersShareOneOpen(t *testing.T) {
	failure := errors.New("no such place")
	for name, outcome := range map[string]error{"opens": nil, "fails": failure} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r doors
				shared, proceed := &door{}, make(chan struct{})
				opens := 0
				open := func() (*door, error) { opens++; <-proceed; return shared, outcome }
				var wait sync.WaitGroup
				for range 10 {
					wait.Go(func() {
						lease, err := r.Acquire("key", "options", open)
						if !errors.Is(err, outcome) || outcome == nil && err != nil || (lease == nil) != (err != nil) {
							t.Errorf("Acquire = %v, %v, want the error %v", lease, err, outcome)
						}
					})
				}
				synctest.Wait()
				if opens != 1 {
					t.Errorf("%d opens at once", opens)
				}
				close(proceed)
				wait.Wait()
				next := &door{}
				got := acquire(t, &r, func() (*door, error) { opens++; return next, nil })
				if want := map[bool]*door{true: shared, false: next}[outcome == nil]; got.Value() != want {
					t.Error("the next Acquire has the wrong value")
				}
				if shared.closes.Load() != 0 {
					t.Error("closed what is in use, or was never open")
				}
			})
		})
	}
}

func TestAPanicLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r doors
		proceed := make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			defer func() {
				if recovered := recover(); recovered != "broken" {
					t.Errorf("the opener recovered %v, want its own panic", recovered)
				}
			}()
			_, _ = r.Acquire("key", "options", func() (*door, error) { <-proceed; panic("broken") })
		})
		synctest.Wait()
		for range 3 {
			wait.Go(func() {
				if lease, err := r.Acquire("key", "options", mustNotOpen(t)); lease != nil || err == nil {
					t.Errorf("a waiter got %v, %v, want an error", lease, err)
				}
			})
		}
		synctest.Wait()
		close(proceed)
		wait.Wait()
		acquire(t, &r, opening(&door{}))
	})
}

func TestOpeningWaitsForTheClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r doors
		old := &door{wait: make(chan struct{})}
		lease := acquire(t, &r, opening(old))
		var wait sync.WaitGroup
		wait.Go(func() { _ = lease.Release() })
		synctest.Wait()
		opened := false
		wait.Go(func() {
			// Other options are fine: what is being closed is nobody's any more.
			if _, err := r.Acquire("key", "others", func() (*door, error) { opened = true; return &door{}, nil }); err != nil {
				t.Errorf("Acquire: %v", err)
			}
		})
		synctest.Wait()
		if opened {
			t.Error("opened while the close was under way")
		}
		close(old.wait)
		wait.Wait()
		if !opened {
			t.Error("not opened after the close")
		}
	})
}

// place can be open only once, as a locked directory.
type place struct {
	open  atomic.Bool
	users atomic.Int32
}

type visit struct{ *place }

func (v visit) Close() error {
	if v.users.Load() != 0 {
		return errors.New("closed while in use")
	}
	if !v.open.Swap(false) {
		return errors.New("closed twice")
	}
	return nil
}

func TestManyAtOnce(t *testing.T) {
	var r registry.Registry[visit]
	places := make([]place, 3)
	var wait sync.WaitGroup
	for worker := range 16 {
		wait.Go(func() {
			for round := range 200 {
				number := (worker + round) % len(places)
				here := &places[number]
				lease, err := r.Acquire(fmt.Sprint(number), "", func() (visit, error) {
					if (worker+round)%7 == 0 {
						return visit{}, errors.ErrUnsupported
					}
					if here.open.Swap(true) {
						return visit{}, errors.New("opened twice")
					}
					return visit{here}, nil
				})
				if errors.Is(err, errors.ErrUnsupported) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				lease.Value().users.Add(1)
				if !here.open.Load() {
					t.Error("a lease on what is closed")
				}
				lease.Value().users.Add(-1)
				if err := errors.Join(lease.Release(), lease.Release()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for i := range places {
		if places[i].open.Load() {
			t.Error("left open")
		}
	}
}

// TestModel compares with counters: what is open, with which options, and for how many.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r doors
		var leases []*registry.Lease[*door]
		var current *door
		options := ""
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				wanted := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "options")
				fails := rapid.Bool().Draw(t, "fails")
				next := &door{}
				opened := false
				lease, err := r.Acquire("key", wanted, func() (*door, error) {
					opened = true
					if fails {
						return nil, errors.New("told to fail")
					}
					return next, nil
				})
				if opened != (len(leases) == 0) {
					t.Fatalf("opened: %v with %d leases", opened, len(leases))
				}
				switch {
				case opened && fails, !opened && wanted != options:
					if err == nil || lease != nil {
						t.Fatalf("Acquire = %v, %v, want an error", lease, err)
					}
					return
				case opened:
					current, options = next, wanted
				}
				if err != nil || lease.Value() != current {
					t.Fatalf("Acquire = %v, %v, want what is open", lease, err)
				}
				leases = append(leases, lease)
			},
			"release": func(t *rapid.T) {
				if len(leases) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(leases)-1).Draw(t, "lease")
				lease := leases[i]
				leases = append(leases[:i], leases[i+1:]...)
				for range rapid.IntRange(1, 2).Draw(t, "times") {
					if err := lease.Release(); err != nil {
						t.Fatal(err)
					}
				}
			},
			"": func(t *rapid.T) {
				if current == nil {
					return
				}
				want := int32(0)
				if len(leases) == 0 {
					want = 1
				}
				if closes := current.closes.Load(); closes != want {
					t.Fatalf("closed %d times with %d leases", closes, len(leases))
				}
			},
		})
	})
}
