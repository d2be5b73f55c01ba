package keyring

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// TestModel lets several gateways share a storage, and rotates, replaces, reconfigures, restarts and lets the storage fail
// in any order. After each step:
//
//   - a token that any gateway minted verifies on every other until it expires, after one reading of the file at most,
//     unless an emergency dropped its key;
//   - a token whose key an emergency dropped verifies on no gateway that has read the file since;
//   - of the keys that were made because one was due, no two were made for one rotation.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"wait":        m.wait,
			"wait long":   m.waitLong,
			"mint":        m.mint,
			"rotate":      m.rotate,
			"emergency":   m.emergency,
			"reconfigure": m.reconfigure,
			"fail":        m.fail,
			"":            m.check,
		})
	})
}

// What the gateways of the model are configured with.
const (
	modelRotateEvery = 5 * time.Minute
	modelKeyDelay    = time.Minute
)

// modelGateway is a gateway whose clock may differ a little from that of the others.
type modelGateway struct {
	*Keeper

	verifier *validator.Verifier
	skew     time.Duration
	lifetime time.Duration
	wake     time.Time // when its background does something next
}

// modelToken is a token that was minted.
type modelToken struct {
	text    string
	keyID   string
	expires time.Time
	dropped bool // an emergency dropped its key
}

type model struct {
	*world
	rt       *rapid.T
	gateways []*modelGateway
	tokens   []*modelToken
	pressed  bool            // a key is being made because somebody asked for one
	atOnce   map[string]bool // keys that were not published before they signed
	dropped  map[string]bool // keys that an emergency dropped
	repaired time.Time       // until then the storage fails
	mayFail  time.Time       // not before then does it fail again
}

func newModel(t *testing.T, rt *rapid.T) *model {
	m := &model{world: newWorld(t), rt: rt, atOnce: make(map[string]bool), dropped: make(map[string]bool)}
	m.storage.atStore = m.stored
	for range 3 {
		g := &modelGateway{skew: time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "skew")) * time.Millisecond, lifetime: time.Minute}
		m.gateways = append(m.gateways, g)
		m.reopen(g, validator.HS256)
	}
	return m
}

// reopen starts a gateway, anew or for the first time.
func (m *model) reopen(g *modelGateway, algorithm validator.Algorithm) {
	g.Keeper = m.open(func(o *Options) {
		o.Algorithm, o.RotateEvery, o.KeyDelay, o.TokenLifetime = algorithm, modelRotateEvery, modelKeyDelay, g.lifetime
		o.Now = func() time.Time { return m.Now().Add(g.skew) }
	})
	g.verifier, g.wake = validator.NewVerifier(g.Ring(), validator.NewCache(100)), m.Now()
}

// stored sees every change of the file.
func (m *model) stored(last, next []byte) {
	after, err := readFile(next)
	if err != nil {
		m.rt.Fatalf("a gateway wrote a file that can't be read: %v", err)
	}
	if last == nil {
		m.atOnce[after.Keys[0].ID] = true
		return
	}
	before, err := readFile(last)
	if err != nil {
		m.rt.Fatal(err)
	}
	known := make(map[string]bool)
	for _, key := range before.Keys {
		known[key.ID] = true
	}
	var fresh []entry
	for _, key := range after.Keys {
		if !known[key.ID] {
			fresh = append(fresh, key)
		}
		if m.dropped[key.ID] {
			m.rt.Fatal("a key that was dropped is in the file again")
		}
	}
	if len(fresh) > 1 {
		m.rt.Fatalf("one change made %d keys", len(fresh))
	}
	if len(fresh) == 0 || m.pressed {
		return
	}
	for _, key := range before.Keys {
		stopped := before.hasStopped(key, fresh[0].Created)
		if key.Algorithm == fresh[0].Algorithm && !stopped && fresh[0].Created.Before(key.SignsFrom.Add(modelRotateEvery-modelKeyDelay)) {
			m.rt.Fatalf("a key was made at %s, though another one signs from %s", fresh[0].Created, key.SignsFrom)
		}
	}
}

func (m *model) draw(rt *rapid.T) *modelGateway {
	return rapid.SampledFrom(m.gateways).Draw(rt, "gateway")
}

func (m *model) wait(rt *rapid.T) {
	m.let(time.Duration(rapid.IntRange(1, 30_000).Draw(rt, "ms")) * time.Millisecond)
}

func (m *model) waitLong(rt *rapid.T) {
	m.let(time.Duration(rapid.IntRange(1, 420).Draw(rt, "s")) * time.Second)
}

// let lets time pass, the background of all gateways going on.
func (m *model) let(d time.Duration) {
	for end := m.Now().Add(d); m.Now().Before(end); {
		next := end
		for _, g := range m.gateways {
			if g.wake.Before(next) {
				next = g.wake
			}
		}
		m.Advance(max(0, next.Sub(m.Now())))
		if m.storage.isFailing() && !m.Now().Before(m.repaired) {
			m.storage.change(func() { m.storage.failing = false })
		}
		for _, g := range m.gateways {
			if !m.Now().Before(g.wake) {
				g.tick(ctx)
				g.wake = m.Now().Add(g.pause())
			}
		}
	}
}

func (m *model) mint(rt *rapid.T) {
	g := m.draw(rt)
	if rapid.Bool().Draw(rt, "up to date") {
		g.progress()
	}
	now := m.Now().Add(g.skew)
	token, err := validator.Minter{Keys: g.Ring().Current(), Lifetime: g.lifetime}.Mint(modelSession(now))
	if err != nil {
		rt.Fatal(err)
	}
	key := g.plan.keys[0]
	if key.SignsFrom.Sub(key.Created) < modelKeyDelay && !m.atOnce[key.ID] {
		rt.Fatalf("the key %s signs, and was published too late", key.ID)
	}
	m.tokens = append(m.tokens, &modelToken{
		text: token, keyID: key.ID, expires: now.Add(g.lifetime).Truncate(time.Second), dropped: m.dropped[key.ID],
	})
}

func (m *model) rotate(rt *rapid.T) {
	m.pressed = true
	_, err := m.draw(rt).Rotate(ctx)
	m.pressed = false
	if (err != nil) != m.storage.isFailing() {
		rt.Fatal(err)
	}
}

func (m *model) emergency(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "seldom") > 0 {
		return
	}
	g := m.draw(rt)
	before := m.storage.text
	m.pressed = true
	key, err := g.Replace(ctx)
	m.pressed = false
	if (err != nil) != m.storage.isFailing() {
		rt.Fatal(err)
	}
	if err != nil {
		return
	}
	m.atOnce[key.ID] = true
	old, err := readFile(before)
	if err != nil {
		rt.Fatal(err)
	}
	for _, key := range old.Keys {
		m.dropped[key.ID] = true
	}
	for _, token := range m.tokens {
		token.dropped = true
		if token.verifies(g) {
			rt.Fatal("a token from before an emergency counts on the gateway that made it")
		}
	}
}

// reconfigure starts a gateway again with longer tokens, shorter ones, or another algorithm.
func (m *model) reconfigure(rt *rapid.T) {
	if m.storage.isFailing() {
		return
	}
	g := m.draw(rt)
	g.lifetime = time.Duration(rapid.IntRange(1, 4).Draw(rt, "lifetime")) * time.Minute
	m.reopen(g, rapid.SampledFrom([]validator.Algorithm{validator.HS256, validator.EdDSA}).Draw(rt, "algorithm"))
}

// fail breaks the storage for less than the time for which a key is published before it signs: for longer, a gateway
// can't know what the others sign with.
func (m *model) fail(rt *rapid.T) {
	if m.Now().Before(m.mayFail) {
		return
	}
	m.repaired = m.Now().Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "s")) * time.Second)
	m.mayFail = m.repaired.Add(2 * readEvery)
	m.storage.change(func() { m.storage.failing = true })
}

func (m *model) check(rt *rapid.T) {
	m.tokens = slices.DeleteFunc(m.tokens, func(token *modelToken) bool {
		return !m.Now().Add(2 * time.Second).Before(token.expires) // by the clock of some gateway it is over
	})
	for _, token := range m.tokens {
		for i, g := range m.gateways {
			verifies := token.verifies(g)
			switch {
			case token.dropped:
				if verifies && bytes.Equal(g.memory().text, m.storage.text) {
					rt.Fatalf("the key %s was dropped, and gateway %d, which has read the file since, knows it", token.keyID, i)
				}
			case verifies:
			default:
				err := g.read(ctx)
				if err != nil && m.atOnce[token.keyID] {
					continue // it had no time to know, and can't find out
				}
				if !token.verifies(g) {
					rt.Fatalf("a token of the key %s does not verify on gateway %d, whose keys are %v", token.keyID, i, ids(g.Keeper))
				}
			}
		}
	}
}

func (t *modelToken) verifies(g *modelGateway) bool {
	g.progress()
	_, reason := g.verifier.Authenticate(t.text)
	return reason == ""
}

// modelSession returns what a token is minted for.
func modelSession(now time.Time) (sessions.Session, validator.SessionCredential, time.Time) {
	names, _ := validator.NewSessionCookies("sid")
	cookies, _ := validator.ScanCookies([]string{"sid=6f1ed002ab5595859014ebf0951522d9"})
	credential := names.Read(cookies)
	return sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: credential.Hash}, User: "alice", Source: sessions.Learned,
		AuthTime: now.Unix(), Seen: now, Confirmed: now, Expires: now.Add(time.Hour), Ends: now.Add(time.Hour),
	}, credential, now
}
