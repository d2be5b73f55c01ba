package keyring

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// describe names the keys of a gateway by their place in the list of all, with their state.
func describe(k *Keeper) string {
	var states []string
	for _, key := range k.Keys() {
		states = append(states, string(key.State))
	}
	return strings.Join(states, " ")
}

func ids(k *Keeper) []string {
	var ids []string
	for _, key := range k.Keys() {
		ids = append(ids, key.ID)
	}
	return ids
}

func TestTheFirstKeySignsAtOnce(t *testing.T) {
	for _, algorithm := range []validator.Algorithm{validator.HS256, validator.ES256, validator.EdDSA, validator.RS256} {
		w := newWorld(t)
		k := w.open(func(o *Options) { o.Algorithm = algorithm })
		keys := k.Keys()
		if len(keys) != 1 || keys[0].State != StateSigning || keys[0].Algorithm != algorithm ||
			!keys[0].Created.Equal(start) || !keys[0].SignsFrom.Equal(start) {
			t.Errorf("%s: the keys are %+v", algorithm, keys)
		}
		changes, _ := w.taken()
		if len(changes) != 1 || changes[0].Kind != Published || changes[0].Key != keys[0] {
			t.Errorf("%s: told of %+v", algorithm, changes)
		}
		again := w.open(func(o *Options) { o.Algorithm = algorithm })
		if !slices.Equal(ids(k), ids(again)) || again.Ring().Current() == nil {
			t.Errorf("%s: the second gateway has other keys", algorithm)
		}
		if _, stores := w.storage.count(); stores != 1 {
			t.Errorf("%s: the file was written %d times", algorithm, stores)
		}
	}
}

func TestManyGatewaysStartAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	keepers := make([]*Keeper, 8)
	for i := range keepers {
		all.Go(func() {
			keeper, err := Open(ctx, w.storage, w.options())
			if err != nil {
				t.Error(err)
			}
			keepers[i] = keeper
		})
	}
	all.Wait()
	for _, keeper := range keepers {
		if len(ids(keeper)) != 1 || ids(keeper)[0] != ids(keepers[0])[0] {
			t.Errorf("the keys are %v and %v", ids(keepers[0]), ids(keeper))
		}
	}
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(nil), w.open(nil)
	w.taken()
	w.tickUntil(55*time.Minute-time.Second, a, b)
	if describe(a) != "signing" {
		t.Errorf("before the rotation: %s", describe(a))
	}
	w.tickUntil(11*time.Second, a, b)
	for _, k := range []*Keeper{a, b} {
		if describe(k) != "signing upcoming" {
			t.Errorf("a new key is due: %s", describe(k))
		}
	}
	old := ids(a)[0]
	w.tickUntil(5*time.Minute, a, b)
	for _, k := range []*Keeper{a, b} {
		if describe(k) != "signing verifying" || ids(k)[1] != old {
			t.Errorf("the new key signs: %s", describe(k))
		}
	}
	w.tickUntil(time.Minute+grace, a, b)
	if describe(a) != "signing" || describe(b) != "signing" || ids(a)[0] == old {
		t.Errorf("the old key is over: %s", describe(a))
	}
	var kinds []ChangeKind
	changes, reports := w.taken()
	for _, change := range changes {
		kinds = append(kinds, change.Kind)
	}
	if !slices.Equal(kinds, []ChangeKind{Published, Signing, Signing}) || len(reports) != 0 {
		t.Errorf("told of the kinds %v and the errors %v", kinds, reports)
	}
	w.tickUntil(time.Hour, a, b)
	if keys := a.memory().file.Keys; len(keys) != 2 {
		t.Errorf("the file has %d keys: the one that is over was to go with the next write", len(keys))
	}
}

// The gateway that drops a key need not be the one with the longest tokens.
func TestLongerTokensOfAnotherGateway(t *testing.T) {
	w := newWorld(t)
	short := w.open(nil)
	long := w.open(func(o *Options) { o.TokenLifetime = 30 * time.Minute })
	w.tickUntil(60*time.Minute+10*time.Second, short, long)
	w.tickUntil(29*time.Minute, short)
	if describe(short) != "signing verifying" {
		t.Errorf("of the gateway with short tokens: %s", describe(short))
	}
	w.tickUntil(time.Minute+grace, short)
	if describe(short) != "signing" {
		t.Errorf("when the longest token is over: %s", describe(short))
	}
	if lifetime := short.memory().file.TokenLifetime; lifetime != 1800 {
		t.Errorf("the lifetime in the file is %d", lifetime)
	}
	if _, err := short.Replace(ctx); err != nil || short.memory().file.TokenLifetime != 1800 {
		t.Errorf("after an emergency: %v, the lifetime in the file is %d", err, short.memory().file.TokenLifetime)
	}
}

func TestAnotherAlgorithmBeginsAfterTheDelay(t *testing.T) {
	w := newWorld(t)
	w.open(nil)
	k := w.open(func(o *Options) { o.Algorithm = validator.EdDSA })
	keys := k.Keys()
	if len(keys) != 2 || keys[0].Algorithm != validator.HS256 || keys[1].State != StateUpcoming || keys[1].Algorithm != validator.EdDSA {
		t.Fatalf("the keys are %+v", keys)
	}
	w.tickUntil(5*time.Minute, k)
	if keys := k.Keys(); keys[0].Algorithm != validator.EdDSA || describe(k) != "signing verifying" {
		t.Errorf("after the delay: %+v", keys)
	}
	// A gateway that is still configured for the old one goes on with it, and does not fight.
	if keys := w.open(nil).Keys(); keys[0].Algorithm != validator.HS256 || len(keys) != 2 {
		t.Errorf("the gateway with the old configuration has %+v", keys)
	}
}

func TestReplace(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(nil), w.open(nil)
	if _, err := a.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Read(ctx); err != nil || describe(b) != "signing upcoming" {
		t.Fatalf("before: %v, %s", err, describe(b))
	}
	old := ids(a)
	w.taken()
	key, err := a.Replace(ctx)
	if err != nil || describe(a) != "signing" || ids(a)[0] != key.ID || slices.Contains(old, key.ID) || key.State != StateSigning {
		t.Fatalf("%v, %+v, %s", err, key, describe(a))
	}
	changes, _ := w.taken()
	if len(changes) != 2 || changes[0].Kind != Signing || changes[1].Kind != Replaced || changes[1].Key != key {
		t.Errorf("told of %+v", changes)
	}
	if err := b.Read(ctx); err != nil || !slices.Equal(ids(b), ids(a)) {
		t.Errorf("the other gateway has %v, %v", err, ids(b))
	}
}

// A reading that began before an emergency and ends after it must not bring the dropped key back.
func TestSlowReadingDoesNotBringAKeyBack(t *testing.T) {
	w := newWorld(t)
	k := w.open(nil)
	reached, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	w.storage.change(func() { w.storage.atLoad = func() { close(reached); <-goOn } })
	go func() { done <- k.Read(ctx) }()
	<-reached
	w.storage.change(func() { w.storage.atLoad = nil })
	key, err := k.Replace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := ids(k); len(got) != 1 || got[0] != key.ID {
		t.Errorf("the keys are %v, want only %s", got, key.ID)
	}
}

// A gateway that has not noticed an emergency must not write back what it knows.
func TestOldMemoryIsNotWritten(t *testing.T) {
	w := newWorld(t)
	a, b := w.open(nil), w.open(nil)
	dropped := ids(b)[0]
	if _, err := a.Replace(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Read(ctx); err != nil || slices.Contains(ids(a), dropped) || slices.Contains(ids(b), dropped) || len(ids(a)) != 2 {
		t.Errorf("%v: the keys are %v and %v; %s was dropped", err, ids(a), ids(b), dropped)
	}
}

var damages = map[string]struct {
	text string
	want error
}{
	"empty":            {"", ErrDamaged},
	"null":             {"null", ErrDamaged},
	"no keys":          {`{"keys": [], "token_lifetime": 60, "rotate_every": 60}`, ErrDamaged},
	"cut short":        {`{"keys": [{"kid": "a", "alg": "HS256"`, ErrDamaged},
	"an unknown thing": {`{"keys": [], "version": 2}`, ErrDamaged},
	"a weak key": {`{"keys": [{"kid": "a", "alg": "HS256", "private": "AAAA", "created": "2026-01-01T00:00:00Z",
		"signs_from": "2026-01-01T00:00:00Z"}], "token_lifetime": 60, "rotate_every": 60}`, ErrDamaged},
}

func TestDamagedFileIsRefusedAtStart(t *testing.T) {
	for name, damage := range damages {
		w := newWorld(t)
		w.storage.text = []byte(damage.text)
		_, err := Open(ctx, w.storage, w.options())
		if !errors.Is(err, damage.want) || !strings.Contains(err.Error(), Path) || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: got the error %v", name, err)
		}
		if string(w.storage.text) != damage.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	w := newWorld(t)
	w.storage.failing = true
	if _, err := Open(ctx, w.storage, w.options()); !errors.Is(err, errStorage) || !strings.Contains(err.Error(), Path) {
		t.Errorf("no storage: got the error %v", err)
	}
}

func TestGoesOnWithoutTheFile(t *testing.T) {
	breaks := map[string]func(*memoryStorage){
		"gone":        func(s *memoryStorage) { s.text = nil },
		"unreachable": func(s *memoryStorage) { s.failing = true },
	}
	for name, damage := range damages {
		breaks[name] = func(s *memoryStorage) { s.text = []byte(damage.text) }
	}
	for name, broken := range breaks {
		w := newWorld(t)
		k := w.open(nil)
		key := ids(k)[0]
		if _, err := k.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		text := w.storage.text
		w.storage.change(func() { broken(w.storage) })
		_, stores := w.storage.count()
		w.tickUntil(2*time.Minute, k)
		if describe(k) != "signing upcoming" || ids(k)[0] != key {
			t.Errorf("%s: the keys are %s", name, describe(k))
		}
		w.tickUntil(2*time.Hour, k) // the clock goes on: the next key signs, the old one is over
		if describe(k) != "signing" || ids(k)[0] == key {
			t.Errorf("%s: later the keys are %s", name, describe(k))
		}
		if _, reports := w.taken(); len(reports) == 0 || !strings.Contains(reports[0].Error(), Path) {
			t.Errorf("%s: reported are %v", name, reports)
		}
		if _, err := k.Rotate(ctx); err == nil {
			t.Errorf("%s: a new key was published", name)
		}
		if _, now := w.storage.count(); now != stores {
			t.Errorf("%s: something was written", name)
		}
		w.storage.change(func() { w.storage.text, w.storage.failing = text, false })
		w.tickUntil(readEvery, k)
		if describe(k) != "signing upcoming" {
			t.Errorf("%s: when it is back, a new key is due, but the keys are %s", name, describe(k))
		}
	}
}

// An emergency needs no file: it also repairs one.
func TestReplaceRepairs(t *testing.T) {
	for name, text := range map[string][]byte{"gone": nil, "damaged": []byte("{")} {
		w := newWorld(t)
		k := w.open(func(o *Options) { o.TokenLifetime = 30 * time.Minute })
		w.storage.change(func() { w.storage.text = text })
		key, err := k.Replace(ctx)
		if err != nil || len(ids(k)) != 1 || ids(k)[0] != key.ID {
			t.Fatalf("%s: %v, %v", name, err, ids(k))
		}
		other := w.open(nil)
		if ids(other)[0] != key.ID || other.memory().file.TokenLifetime != 1800 {
			t.Errorf("%s: another gateway has %v", name, ids(other))
		}
	}
	w := newWorld(t)
	k := w.open(nil)
	key := ids(k)[0]
	w.storage.change(func() { w.storage.failing = true })
	if _, err := k.Replace(ctx); !errors.Is(err, errStorage) || ids(k)[0] != key {
		t.Errorf("what is not durable is in force: %v", err)
	}
}

// The text of the file is nowhere but in the storage.
func TestErrorsHoldNoKey(t *testing.T) {
	w := newWorld(t)
	k := w.open(nil)
	private := w.storage.text[bytes.Index(w.storage.text, []byte(`"private"`))+12:][:20]
	w.storage.change(func() {
		w.storage.text = bytes.Replace(w.storage.text, []byte(`"private": "`), []byte(`"private": 1 "`), 1)
	})
	if err := k.Read(ctx); err == nil || strings.Contains(err.Error(), string(private)) {
		t.Errorf("got the error %v", err)
	}
}

// Anybody can send tokens with an unknown key id: however many come, the file is read once a second.
func TestFloodOfUnknownKeyIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := w.open(nil)
		defer k.Close()
		before, _ := w.storage.count()
		for second := range 5 {
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() { k.Reread(ctx) })
			}
			all.Wait()
			w.Advance(rereadEvery - 1)
			if k.Reread(ctx) {
				t.Error("read again within a second")
			}
			if loads, _ := w.storage.count(); loads-before != second+1 {
				t.Errorf("after %d seconds the file was read %d times", second+1, loads-before)
			}
			w.Advance(1)
		}
	})
}

func TestRereadFindsTheKeyOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.open(nil), w.open(nil)
		defer b.Close()
		if _, err := a.Replace(ctx); err != nil {
			t.Fatal(err)
		}
		w.storage.change(func() { w.storage.atLoad = func() { time.Sleep(rereadPatience / 2) } })
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if !b.Reread(ctx) || !slices.Equal(ids(a), ids(b)) {
					t.Error("a request that waited does not know the key")
				}
			})
		}
		all.Wait()
	})
}

// A storage that hangs holds a request up for a short time only, and one reading at a time is under way.
func TestRereadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := w.open(nil)
		goOn := make(chan struct{})
		w.storage.change(func() { w.storage.atLoad = func() { <-goOn } })
		before, _ := w.storage.count()
		for range 3 {
			began := time.Now()
			if k.Reread(ctx) || time.Since(began) != rereadPatience {
				t.Errorf("waited for %s", time.Since(began))
			}
			w.Advance(2 * rereadEvery)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		began := time.Now()
		if k.Reread(gone) || time.Since(began) != 0 {
			t.Error("waited for a client that has left")
		}
		if loads, _ := w.storage.count(); loads-before != 1 {
			t.Errorf("%d readings", loads-before)
		}
		close(goOn)
		k.Close()
		w.Advance(time.Minute)
		if k.Reread(ctx) {
			t.Error("a closed keeper read")
		}
	})
}

// The background reads every 10 seconds, is there when the clock says so, and ends when it is told to.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := w.open(func(o *Options) { o.Now = time.Now })
		begin := time.Now()
		running, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { k.Run(running) })
		synctest.Wait()
		before, _ := w.storage.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		if loads, _ := w.storage.count(); loads-before != 6 {
			t.Errorf("%d readings a minute", loads-before)
		}
		time.Sleep(time.Until(begin.Add(55 * time.Minute)))
		synctest.Wait()
		if describe(k) != "signing upcoming" {
			t.Errorf("a new key is due: %s", describe(k))
		}
		key := k.Keys()[1]
		time.Sleep(time.Until(key.SignsFrom))
		synctest.Wait()
		if k.plan.keys[0].ID != key.ID { // not by k.Keys, which would look at the clock itself
			t.Error("the key does not sign when it is to")
		}
		stop()
		done.Wait()
		if _, reports := w.taken(); len(reports) != 0 {
			t.Errorf("reported are %v", reports)
		}
	})
}

// A change that fails is tried again with the next reading, not in a loop.
func TestRunDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := w.open(func(o *Options) { o.Now = time.Now })
		running, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { k.Run(running) })
		w.storage.change(func() { w.storage.text = nil })
		before, _ := w.storage.count()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if loads, _ := w.storage.count(); loads-before > 2*360+10 {
			t.Errorf("%d readings in two hours", loads-before)
		}
		stop()
		done.Wait()
	})
}

// Who listens to changes may be slow. Requests that wait for a reading don't wait for him.
func TestRereadDoesNotWaitForListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := w.open(func(o *Options) { o.Changed = func(Change) { time.Sleep(time.Minute) } })
		defer k.Close()
		if _, err := w.open(nil).Replace(ctx); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if !k.Reread(ctx) || time.Since(began) != 0 {
			t.Errorf("waited for %s", time.Since(began))
		}
	})
}
