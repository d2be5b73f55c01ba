package keyring

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// cable is the way of one gateway to a storage that several use.
type cable struct {
	*memoryStorage

	cut bool
}

func (c *cable) Lock(ctx context.Context, name string) error {
	if c.cut {
		return errStorage
	}
	return c.memoryStorage.Lock(ctx, name)
}

func (c *cable) Load(ctx context.Context, name string) ([]byte, error) {
	if c.cut {
		return nil, errStorage
	}
	return c.memoryStorage.Load(ctx, name)
}

// member is one of the gateways that use a server. It has a copy of its own.
type member struct {
	*Keeper

	line *cable
	copy *memoryStorage
}

// join makes a gateway that uses the world's storage as a server. It does not start it.
func (w *world) join() *member {
	return &member{line: &cable{memoryStorage: w.storage}, copy: newMemoryStorage()}
}

// start starts the gateway, anew or for the first time, with the copy that it has.
func (w *world) start(m *member) error {
	options := w.options()
	options.Place, options.Copy = "the server", m.copy
	var err error
	m.Keeper, err = Open(ctx, m.line, options)
	return err
}

// work does what the gateway does in the background.
func (m *member) work(t interface{ Fatal(...any) }) {
	m.tick(ctx)
	if err := m.updateCopy(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *world) startAll(members ...*member) {
	w.Helper()
	for _, m := range members {
		if err := w.start(m); err != nil {
			w.Fatal(err)
		}
		m.work(w)
	}
}

func TestAGatewayStartsWithItsCopy(t *testing.T) {
	w := newWorld(t)
	m := w.join()
	w.startAll(m)
	before := ids(m.Keeper)
	m.line.cut = true
	if err := w.start(m); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ids(m.Keeper), before) || m.Ring().Current() == nil {
		t.Errorf("the keys are %v, and were %v", ids(m.Keeper), before)
	}
	_, reports := w.taken()
	if len(reports) != 1 || !strings.Contains(reports[0].Error(), "from the server") {
		t.Errorf("the reports are %v", reports)
	}
}

func TestAGatewayStartsWithoutKeys(t *testing.T) {
	w := newWorld(t)
	a, b := w.join(), w.join()
	a.line.cut, b.line.cut = true, true
	w.startAll(a, b)
	for _, m := range []*member{a, b} {
		if m.Ring().Current() != nil || len(m.Keys()) != 0 || m.pause() != emptyPause {
			t.Errorf("there are keys: %v, and it waits for %s", m.Keys(), m.pause())
		}
		if _, err := m.Rotate(ctx); err == nil {
			t.Error("a key was made out of nothing")
		}
	}
	a.line.cut, b.line.cut = false, false
	a.work(t)
	b.work(t)
	if len(ids(a.Keeper)) != 1 || !slices.Equal(ids(a.Keeper), ids(b.Keeper)) || b.Ring().Current() == nil {
		t.Errorf("the keys are %v and %v", ids(a.Keeper), ids(b.Keeper))
	}
}

// Who moves to a server, or away from one, keeps the keys.
func TestKeysMoveToAServerAndBack(t *testing.T) {
	w := newWorld(t)
	m := w.join()
	alone := func() *Keeper {
		keeper, err := Open(ctx, m.copy, w.options())
		if err != nil {
			t.Fatal(err)
		}
		return keeper
	}
	first := ids(alone())
	w.startAll(m)
	if !slices.Equal(ids(m.Keeper), first) || w.storage.text == nil {
		t.Fatalf("on the server the keys are %v, and were %v", ids(m.Keeper), first)
	}
	if _, err := m.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	m.work(t)
	if back := ids(alone()); !slices.Equal(back, ids(m.Keeper)) || len(back) != 2 {
		t.Errorf("back again the keys are %v, and were %v", back, ids(m.Keeper))
	}
}

func TestAnEmptiedServerIsFilledAgain(t *testing.T) {
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.startAll(a, b)
	b.line.cut = true
	if _, err := a.Rotate(ctx); err != nil {
		t.Fatal(err)
	}
	w.storage.text = nil
	b.line.cut = false
	b.work(t) // it knows one key
	a.work(t)
	b.work(t)
	if len(ids(a.Keeper)) != 2 || !slices.Equal(ids(a.Keeper), ids(b.Keeper)) {
		t.Errorf("the keys are %v and %v", ids(a.Keeper), ids(b.Keeper))
	}
}

// A gateway that was cut off during an emergency is the first that finds the server empty.
func TestAnEmergencyOutlivesTheServer(t *testing.T) {
	for name, restart := range map[string]bool{"the others run": false, "the others start with their copies": true} {
		w := newWorld(t)
		a, b := w.join(), w.join()
		w.startAll(a, b)
		old := ids(a.Keeper)[0]
		b.line.cut = true
		replaced, err := a.Replace(ctx)
		if err != nil {
			t.Fatal(err)
		}
		a.work(t)
		w.storage.text = nil
		b.line.cut = false
		b.work(t)
		if restart {
			w.startAll(a)
		}
		a.work(t)
		b.work(t)
		for _, m := range []*member{a, b} {
			if got := ids(m.Keeper); !slices.Equal(got, []string{replaced.ID}) {
				t.Errorf("%s: the keys are %v; %s was dropped for %s", name, got, old, replaced.ID)
			}
		}
	}
}

// A server of which the last writes are lost says what was true before an emergency.
func TestAnEmergencyOutlivesAFailover(t *testing.T) {
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.startAll(a, b)
	before := w.storage.text
	replaced, err := a.Replace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.storage.text = before
	b.work(t)
	a.work(t)
	b.work(t)
	if got := ids(b.Keeper); !slices.Equal(got, []string{replaced.ID}) || !slices.Equal(ids(a.Keeper), got) {
		t.Errorf("the keys are %v and %v", ids(a.Keeper), got)
	}
}

// Gateways that keep their keys in the place of the copy may still be running while others use the server already.
func TestAnEmergencyReachesTheServerByTheCopy(t *testing.T) {
	w := newWorld(t)
	m := w.join()
	w.startAll(m)
	alone, err := Open(ctx, m.copy, w.options())
	if err != nil {
		t.Fatal(err)
	}
	replaced, err := alone.Replace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.work(t)
	m.work(t)
	other := w.join()
	w.startAll(other)
	if got := ids(other.Keeper); !slices.Equal(got, []string{replaced.ID}) {
		t.Errorf("the keys are %v, and %s replaced all", got, replaced.ID)
	}
}

// Keys are not made anew where those that are there can't be read.
func TestADamagedCopy(t *testing.T) {
	w := newWorld(t)
	m := w.join()
	for _, cut := range []bool{false, true} {
		m.line.cut, m.copy.text = cut, []byte("{")
		if err := w.start(m); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), Path+" from Caddy's storage") {
			t.Errorf("cut off %t: %v", cut, err)
		}
	}
	m.copy.failing = true
	if err := w.start(m); !errors.Is(err, errStorage) {
		t.Errorf("a copy that can't be read: %v", err)
	}
	m.copy.failing, m.line.cut = false, false
	w.startAll(w.join())
	w.startAll(m)
	if _, err := readFile(m.copy.text); err != nil || len(ids(m.Keeper)) != 1 {
		t.Errorf("the server has the keys, and the copy is not written anew: %v", err)
	}
	w.storage.text = []byte("{")
	w.startAll(m) // with the copy
	if err := w.start(w.join()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged file on the server, and no copy: %v", err)
	}
}

func TestWake(t *testing.T) {
	w := newWorld(t)
	a, b := w.join(), w.join()
	w.startAll(a, b)
	running, stop := context.WithCancel(ctx)
	loads := make(chan struct{})
	ended := make(chan struct{})
	go func() { defer close(ended); b.Run(running) }()
	b.line.change(func() {
		b.line.atLoad = func() {
			select {
			case loads <- struct{}{}:
			case <-running.Done():
			}
		}
	})
	b.Wake()
	<-loads
	b.Wake()
	<-loads
	stop()
	<-ended
}

// TestSharedModel lets gateways use a server that may be emptied and may lose its last writes. They are cut off and started again,
// and change their keys. Once all are connected, they have the same keys: those since the last emergency that any of them knows.
// Of these none is lost that may have signed.
func TestSharedModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &sharedModel{world: newWorld(t), era: make(map[string]time.Time)}
		for range 3 {
			m.members = append(m.members, m.join())
		}
		m.startAll(m.members...)
		m.note()
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				m.Advance(time.Duration(rapid.IntRange(1, 1200).Draw(rt, "s")) * time.Second)
				m.work(rt)
			},
			"cut": func(rt *rapid.T) { one := m.draw(rt); one.line.cut = !one.line.cut },
			"restart": func(rt *rapid.T) {
				one := m.draw(rt)
				if err := m.start(one); err != nil {
					rt.Fatal(err)
				}
				one.work(rt)
			},
			"rotate": func(rt *rapid.T) { m.press(rt, (*Keeper).Rotate) },
			"emergency": func(rt *rapid.T) {
				if rapid.IntRange(0, 2).Draw(rt, "seldom") == 0 {
					m.press(rt, (*Keeper).Replace)
				}
			},
			"empty":    func(*rapid.T) { m.storage.text = nil },
			"failover": func(rt *rapid.T) { m.storage.text = m.texts[rapid.IntRange(0, len(m.texts)-1).Draw(rt, "text")] },
			"mint": func(rt *rapid.T) {
				// A gateway that is cut off mints nothing, and after a failover the others may know more than it does.
				if slices.ContainsFunc(m.members, func(one *member) bool { return one.line.cut }) {
					return
				}
				one := m.draw(rt)
				for range 2 {
					m.work(rt)
				}
				now := m.Now()
				token, err := validator.Minter{Keys: one.Ring().Current(), Lifetime: time.Minute}.Mint(modelSession(now))
				if err != nil {
					rt.Fatal(err)
				}
				m.tokens = append(m.tokens, &modelToken{text: token, keyID: one.plan.keys[0].ID, expires: now.Add(time.Minute)})
			},
			"settle": m.settle,
			"":       func(*rapid.T) { m.note() },
		})
	})
}

type sharedModel struct {
	*world

	members []*member
	texts   [][]byte             // what the server had
	era     map[string]time.Time // when the emergency was before which there was no such key
	tokens  []*modelToken
}

func (m *sharedModel) draw(rt *rapid.T) *member {
	return m.members[rapid.IntRange(0, len(m.members)-1).Draw(rt, "gateway")]
}

// work lets all gateways do what they do in the background.
func (m *sharedModel) work(rt *rapid.T) {
	for _, one := range m.members {
		one.work(rt)
		m.note()
	}
}

func (m *sharedModel) press(rt *rapid.T, change func(*Keeper, context.Context) (Info, error)) {
	one := m.draw(rt)
	if _, err := change(one.Keeper, ctx); (err != nil) != one.line.cut {
		rt.Fatal(err)
	}
	one.work(rt)
}

// note keeps what the server has now.
func (m *sharedModel) note() {
	read, err := readFile(m.storage.text)
	if err != nil {
		return
	}
	m.texts = append(m.texts, m.storage.text)
	for _, key := range read.Keys {
		if _, known := m.era[key.ID]; !known {
			m.era[key.ID] = read.Replaced
		}
	}
}

func (m *sharedModel) settle(rt *rapid.T) {
	var era time.Time
	for _, one := range m.members {
		one.line.cut = false
		if at := one.memory().file.Replaced; at.After(era) {
			era = at
		}
	}
	if read, err := readFile(m.storage.text); err == nil && read.Replaced.After(era) {
		era = read.Replaced
	}
	for range 3 {
		m.work(rt)
	}
	want := slices.Sorted(slices.Values(ids(m.members[0].Keeper)))
	for _, id := range want {
		if !m.era[id].Equal(era) {
			rt.Fatalf("the key %s is from before the last emergency", id)
		}
	}
	for _, one := range m.members {
		if got := slices.Sorted(slices.Values(ids(one.Keeper))); !slices.Equal(got, want) {
			rt.Fatalf("the keys are %v and %v", got, want)
		}
		verifier := validator.NewVerifier(one.Ring(), validator.NewCache(0))
		for _, token := range m.tokens {
			_, reason := verifier.Authenticate(token.text)
			if verifies := reason == ""; m.era[token.keyID].Equal(era) && m.Now().Before(token.expires) && !verifies {
				rt.Fatalf("a token of the key %s does not verify: %s", token.keyID, reason)
			}
		}
	}
}
