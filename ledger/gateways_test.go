package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// TestGateways lets two gateways, each with requests, questions and responses in flight, work on one ledger, while an
// operator revokes, lifts and drops, and the process is restarted. The model knows in which order things happened and no
// seconds; whatever it says of a session or a token the ledger must say too.
func TestGateways(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		defer func() { _ = f.Close() }()
		refused := make(map[sessions.Key]time.Time)
		w := newWorld(rt, aloneWorld{f}, func() *gateway {
			return &gateway{ledger: func() *Ledger { return f.Ledger }, now: f.clock, refused: refused}
		})
		rt.Repeat(w.deeds())
	})
}

// TestGatewaysThatShare is like TestGateways, with two ledgers on one server and clocks that differ. Each of them hears of the
// other one late, now and then only with what it does itself.
func TestGatewaysThatShare(t *testing.T) {
	engine := redistest.Engines(t)[0]
	server := engine.Start(t, redistest.Settings{})
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newPair(t, server)
		defer a.close()
		defer b.close()
		sides := []*side{a, b}
		w := newWorld(rt, sharedWorld{sides}, func() *gateway {
			s := sides[0]
			sides = append(sides[1:], s)
			return &gateway{
				ledger: func() *Ledger { return s.Ledger }, now: s.time.Now, refused: make(map[sessions.Key]time.Time),
				catchUp: s.catchUp, hold: func() { s.place.hold() },
			}
		})
		rt.Repeat(w.deeds())
	})
}

// surroundings is what a world stands on.
type surroundings interface {
	// record returns the record of a session, whether it has expired or not.
	record(sessions.Key) (sessions.Session, bool)
	advance(time.Duration)
	// failing makes what must be durable fail for as long as do runs, and reports whether it can.
	failing(do func()) bool
	// restart restarts the gateways, cleanly or not. It reports whether what was seen set is forgotten.
	restart(cleanly bool) bool
	// setTime returns for how long it is remembered what was seen set, or 0 for ever.
	setTime() time.Duration
}

// aloneWorld is that of one ledger with a memory.
type aloneWorld struct{ *fixture }

func (w aloneWorld) record(key sessions.Key) (sessions.Session, bool) { return w.memory.record(key) }
func (w aloneWorld) setTime() time.Duration                           { return 0 }

func (w aloneWorld) failing(do func()) bool {
	w.memory.journal.Fail(true)
	do()
	w.memory.journal.Fail(false)
	return true
}

func (w aloneWorld) restart(cleanly bool) bool {
	if !cleanly {
		w.crash()
		return true
	}
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	return true
}

// sharedWorld is that of two ledgers on one server.
type sharedWorld struct{ sides []*side }

func (w sharedWorld) record(key sessions.Key) (sessions.Session, bool) {
	session, there, err := w.sides[0].place.Place.Sessions().Get(ctx, key, time.Unix(0, 0))
	w.sides[0].ok(err)
	return session, there
}

func (w sharedWorld) advance(by time.Duration) {
	for _, s := range w.sides {
		s.time.Advance(by)
	}
}

func (w sharedWorld) failing(func()) bool    { return false }
func (w sharedWorld) setTime() time.Duration { return setTime }

func (w sharedWorld) restart(bool) bool {
	for _, s := range w.sides {
		s.close()
		s.open()
	}
	return false
}

func (w *world) deeds() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"begin to sign in": w.beginSignIn, "end to sign in": w.endSignIn, "switch": w.switchUser, "sign off": w.signOff,
		"ask": w.ask, "ask again": w.ask, "answer": w.answer, "answer more": w.answer, "use": w.use,
		"end": w.end, "add": w.add, "kill": w.kill, "mint": w.mint,
		"revoke session": w.revokeSession, "revoke user": w.revokeUser, "flush": w.flush,
		"lift session": w.liftSession, "lift user": w.liftUser,
		"wait": w.wait, "tick": w.tick, "restart": w.restart,
		"": w.check,
	}
}

// incarnation is a session from when it began until it ended.
type incarnation struct {
	user  string
	began int
	ended bool
}

type minted struct {
	*incarnation
	key      sessions.Key
	authTime int64
	until    time.Time
}

type arrival struct {
	moment Moment
	began  int
	realm  string
	user   string
}

type inFlight struct {
	*Question
	key  sessions.Key
	user string // whom the application named when it was asked
	void bool
	late bool // it was asked while the gateway may not have heard of everything, which may make it void as well
}

// gateway is what is in flight at one of them.
type gateway struct {
	ledger  func() *Ledger
	now     func() time.Time
	refused map[sessions.Key]time.Time
	catchUp func() // nil if it hears of everything at once
	hold    func() // lets it hear of nothing until it catches up

	signIns   []arrival
	questions []*inFlight
	responses []minted // that a token may be minted for
}

type ownKey struct {
	sessions.Key
	user string
}

type world struct {
	surroundings
	rt       *rapid.T
	gateways [2]*gateway
	tokens   []minted

	order        int                             // of the events so far
	application  map[sessions.Key]string         // whom it names
	fresh        int                             // how many sessions it has begun
	incarnations map[sessions.Key][]*incarnation // the last one is what a record is of
	revoked      map[sessions.Key]string         // by whose session it was; empty: unknown
	users        map[ownKey]int                  // revoked users, by realm; the realm "*" is everywhere
	watched      map[ownKey]int
	admitted     map[ownKey]int
	seen         map[sessions.Key]int
	waited       time.Duration // since the last time at which nothing was seen set any more
}

func newWorld(rt *rapid.T, on surroundings, newGateway func() *gateway) *world {
	w := &world{
		surroundings: on, rt: rt, gateways: [2]*gateway{newGateway(), newGateway()}, application: make(map[sessions.Key]string),
		incarnations: make(map[sessions.Key][]*incarnation), revoked: make(map[sessions.Key]string),
		users: make(map[ownKey]int), watched: make(map[ownKey]int), admitted: make(map[ownKey]int),
		seen: make(map[sessions.Key]int),
	}
	for _, realm := range []string{"shop", "forum"} {
		w.begin(realm, "ann")
		w.begin(realm, "cid") // nobody has anything against cid
	}
	return w
}

// begin lets the application begin a session, which it also knows under another spelling of its id.
func (w *world) begin(realm, user string) sessions.Key {
	w.fresh++
	key := sessions.Key{Realm: realm, Hash: sessions.HashOf(fmt.Sprint(w.fresh))}
	w.application[key] = user
	w.application[spelled(key)] = user
	return key
}

func spelled(key sessions.Key) sessions.Key {
	return sessions.Key{Realm: key.Realm, Hash: sessions.HashOf("another " + key.Hash.String())}
}

func (w *world) next() int {
	w.order++
	return w.order
}

func (w *world) keys() []sessions.Key {
	return slices.SortedFunc(maps.Keys(w.application), func(a, b sessions.Key) int {
		return slices.Compare(a.Hash[:], b.Hash[:])
	})
}

func (w *world) key(t *rapid.T) sessions.Key { return rapid.SampledFrom(w.keys()).Draw(t, "key") }

// anyGateway returns a gateway, which may have heard of everything or not.
func (w *world) anyGateway(t *rapid.T) (g *gateway, late bool) {
	g = w.gateways[rapid.IntRange(0, 1).Draw(t, "gateway")]
	if g.catchUp == nil {
		return g, false
	}
	if late = rapid.Bool().Draw(t, "late"); late {
		g.hold()
	} else {
		g.catchUp()
	}
	return g, late
}

// gateway returns a gateway that has heard of everything.
func (w *world) gateway(t *rapid.T) *gateway {
	g := w.gateways[rapid.IntRange(0, 1).Draw(t, "gateway")]
	if g.catchUp != nil {
		g.catchUp()
	}
	return g
}

func (w *world) ok(err error) {
	if err != nil {
		w.rt.Fatal(err)
	}
}

// unrefuse notes that nobody is refused any more for what a gateway remembers.
func (w *world) unrefuse() {
	for _, g := range w.gateways {
		clear(g.refused)
	}
}

// opened notes that a session was opened, so that the gateway does not refuse it any more.
func (w *world) opened(g *gateway, key sessions.Key) { delete(g.refused, key) }

func (w *world) accepted(key sessions.Key) {
	for _, g := range w.gateways {
		delete(g.refused, key)
	}
}

func (w *world) tick(*rapid.T) {
	for _, g := range w.gateways {
		g.ledger().retry(ctx)
		g.ledger().sweep(ctx)
	}
}

func anyUser(t *rapid.T) string {
	return rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(t, "user")
}

func revocable(t *rapid.T) string { return rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user") }

func anyRealm(t *rapid.T) string {
	return rapid.SampledFrom([]string{"shop", "forum"}).Draw(t, "realm")
}

// take removes one of the things in flight and returns it.
func take[T any](t *rapid.T, things *[]T) T {
	if len(*things) == 0 {
		t.Skip("nothing is in flight")
	}
	i := rapid.IntRange(0, len(*things)-1).Draw(t, "which")
	taken := (*things)[i]
	*things = slices.Delete(*things, i, i+1)
	return taken
}

// current returns the incarnation that a record of the key is of, if there is one that has not ended.
func (w *world) current(g *gateway, key sessions.Key) *incarnation {
	record, there := w.record(key)
	all := w.incarnations[key]
	if !there || record.Expired(g.now()) || len(all) == 0 || all[len(all)-1].ended {
		return nil
	}
	return all[len(all)-1]
}

// isKilled reports whether the incarnation's user was revoked after it began.
func (w *world) isKilled(key sessions.Key, i *incarnation) bool {
	return i.began < w.revokedAt(key.Realm, i.user)
}

// revokedAt is when the user was last revoked, of what is in force; 0 where nothing is.
func (w *world) revokedAt(realm, user string) int {
	return max(w.users[ownKey{sessions.Key{Realm: realm}, user}], w.users[ownKey{sessions.Key{Realm: "*"}, user}])
}

func (w *world) flaggedAt(realm, user string) int {
	return max(w.revokedAt(realm, user), w.watched[ownKey{sessions.Key{Realm: realm}, user}])
}

// expected says what a request with the session must find.
func (w *world) expected(g *gateway, key sessions.Key) (user string, err error) {
	if _, revoked := w.revoked[key]; revoked || g.now().Before(g.refused[key]) {
		return "", ErrRevoked
	}
	i := w.current(g, key)
	switch {
	case i == nil:
		return "", nil
	case !w.isKilled(key, i):
		return i.user, nil
	case w.seen[key] > w.flaggedAt(key.Realm, i.user):
		return "", nil
	}
	return "", ErrRevoked
}

func (w *world) isDead(m minted) bool {
	_, revoked := w.revoked[m.key]
	return revoked || m.ended || w.isKilled(m.key, m.incarnation)
}

// counts reports whether it must count that the application names the user.
func (w *world) counts(g *gateway, key sessions.Key, user string) bool {
	flagged, revoked := w.flaggedAt(key.Realm, user), w.revokedAt(key.Realm, user)
	if i := w.current(g, key); flagged == 0 || i != nil && i.user == user && !w.isKilled(key, i) {
		return true
	}
	since, admitted := w.admitted[ownKey{key, user}]
	return admitted && (revoked == 0 || since > revoked) || w.seen[key] > flagged
}

func (w *world) endAll(key sessions.Key) {
	for _, i := range w.incarnations[key] {
		i.ended = true
	}
	w.overtake(func(other sessions.Key) bool { return other == key })
}

func (w *world) overtake(which func(sessions.Key) bool) {
	for g := range w.gateways {
		for _, q := range w.gateways[g].questions {
			q.void = q.void || which(q.key)
		}
	}
}

// learned notes that the session is the user's, be it that it goes on from before, and checks what the ledger says of it.
func (w *world) learned(
	g *gateway, key sessions.Key, user string, i *incarnation, goesOn bool, session sessions.Session, err error,
) {
	if err != nil || session.User != user {
		w.rt.Fatalf("%+v, %v; want it to be %s's", session, err, user)
	}
	if i != nil && (i.user != user || w.isKilled(key, i)) {
		w.endAll(key)
	}
	if !goesOn {
		w.opened(g, key)
		i = &incarnation{user: user, began: w.next()}
		w.incarnations[key] = append(w.incarnations[key], i)
	}
	if w.flaggedAt(key.Realm, user) > 0 {
		w.admit(key, user, i.began)
	}
}

func (w *world) admit(key sessions.Key, user string, since int) {
	w.admitted[ownKey{key, user}] = max(w.admitted[ownKey{key, user}], since)
}

func (w *world) beginSignIn(t *rapid.T) {
	g := w.gateway(t)
	g.signIns = append(g.signIns, arrival{g.ledger().Moment(), w.next(), anyRealm(t), anyUser(t)})
}

func (w *world) endSignIn(t *rapid.T) {
	g, _ := w.anyGateway(t)
	request := take(t, &g.signIns)
	key := w.begin(request.realm, request.user)
	g.ledger().SawSet(key, request.moment)
	w.seen[key] = request.began
	w.accepted(key)
}

// switchUser lets the application forget to change the id when another signs in.
func (w *world) switchUser(t *rapid.T) {
	key, user := w.key(t), anyUser(t)
	w.application[key], w.application[spelled(key)] = user, user
}

func (w *world) signOff(t *rapid.T) { w.application[w.key(t)] = "" }

func (w *world) ask(t *rapid.T) {
	g, late := w.anyGateway(t)
	key := w.key(t)
	if g.ledger().Revoked(key) {
		t.Skip("revoked")
	}
	g.questions = append(g.questions, &inFlight{Question: g.ledger().Ask(key), key: key, user: w.application[key], late: late})
}

func (w *world) answer(t *rapid.T) {
	g, late := w.anyGateway(t)
	q := take(t, &g.questions)
	if q.user == "" {
		w.answerNobody(g, q, late)
		return
	}
	before, counts := w.current(g, q.key), w.counts(g, q.key, q.user)
	session, err := q.Identified(ctx, Identity{User: q.user}, lives)
	if w.lateness(q, err, late) {
		return
	}
	if counts {
		goesOn := before != nil && before.user == q.user && !w.isKilled(q.key, before)
		w.learned(g, q.key, q.user, before, goesOn, session, err)
		return
	}
	if !errors.Is(err, ErrRevoked) {
		w.rt.Fatalf("%s was let in: %v", q.user, err)
	}
	g.refused[q.key] = g.now().Add(refusalTime)
	if before != nil && before.user != q.user {
		w.endAll(q.key)
	}
}

func (w *world) answerNobody(g *gateway, q *inFlight, late bool) {
	i := w.current(g, q.key)
	err := q.Nobody(ctx, time.Second)
	if _, revoked := w.revoked[q.key]; late && err == nil && (q.void || revoked) {
		return // it changed nothing, as there was nothing to change
	}
	if w.lateness(q, err, late) {
		return
	}
	if w.ok(err); i != nil {
		w.endAll(q.key)
	}
}

// lateness reports whether the answer came too late, and checks that the ledger says so.
func (w *world) lateness(q *inFlight, err error, late bool) bool {
	_, revoked := w.revoked[q.key]
	overtaken := errors.Is(err, ErrOvertaken)
	if q.late && overtaken {
		q.void = true
	}
	if late && revoked && q.void && overtaken {
		return true // the gateway has heard of the one, and not of the other yet
	}
	if revoked && !errors.Is(err, ErrRevoked) || !revoked && q.void != overtaken {
		w.rt.Fatalf("answering: %v; overtaken %v, revoked %v", err, q.void, revoked)
	}
	return revoked || q.void
}

// use is a request, which leads to a response that may bring a token.
func (w *world) use(t *rapid.T) {
	key, g := w.key(t), w.gateway(t)
	session, active, err := g.ledger().Active(ctx, key)
	if err != nil || !active {
		return
	}
	w.ok(g.ledger().Touch(ctx, session, lives.Idle))
	until := session.Confirmed.Add(tokenLife) // when a token ends that is minted for this response, however late
	g.responses = append(g.responses, minted{w.current(g, key), key, session.AuthTime, until})
}

func (w *world) mint(t *rapid.T) {
	g := w.gateway(t)
	m := take(t, &g.responses)
	if !g.now().Before(m.until) {
		return
	}
	_, revoked := w.revoked[m.key]
	if may := g.ledger().MayMint(m.key, m.authTime); may != (!m.ended && !revoked) {
		w.rt.Fatalf("minting is %v for a session that has ended (%v) or is revoked (%v)", may, m.ended, revoked)
	}
	w.tokens = append(w.tokens, m) // even if it may not be minted: it must be dead then
}

func (w *world) end(t *rapid.T) {
	g, late := w.anyGateway(t)
	key := w.key(t)
	i := w.current(g, key)
	ended, err := g.ledger().End(ctx, key, 0)
	if err != nil || !late && ended != (i != nil) || i != nil && !ended {
		w.rt.Fatalf("End: %v, %v; want %v", ended, err, i != nil)
	}
	if i != nil {
		w.endAll(key)
		return
	}
	for _, other := range w.gateways { // an end of nothing is written nowhere, so that other gateways need not hear of it
		for _, q := range other.questions {
			q.void = q.void || q.key == key && other.ledger() == g.ledger()
			q.late = q.late || q.key == key && other.ledger() != g.ledger()
		}
	}
}

func (w *world) add(t *rapid.T) {
	g, _ := w.anyGateway(t)
	key, user := w.key(t), anyUser(t)
	before := w.current(g, key)
	session, err := g.ledger().Add(ctx, key, Identity{User: user}, lives)
	if _, revoked := w.revoked[key]; revoked {
		if !errors.Is(err, ErrRevoked) {
			w.rt.Fatalf("adding a revoked session: %v", err)
		}
		return
	}
	for _, other := range w.gateways { // of the questions of another gateway, those are void that are put to whoami
		for _, q := range other.questions {
			q.void = q.void || q.key == key && other.ledger() == g.ledger()
		}
	}
	w.learned(g, key, user, before, false, session, err)
}

func (w *world) kill(t *rapid.T) {
	g, _ := w.anyGateway(t)
	key := w.key(t)
	if _, revoked := w.revoked[key]; revoked {
		t.Skip("revoked")
	}
	i := w.current(g, key)
	w.ok(g.ledger().KillTokens(ctx, key, 0))
	w.endAll(key)
	if i != nil && !w.isKilled(key, i) {
		w.incarnations[key] = append(w.incarnations[key], &incarnation{user: i.user, began: i.began})
	}
}

// acknowledged does what must be durable, now and then after a try that fails and must change nothing.
func (w *world) acknowledged(t *rapid.T, do func(context.Context) error) {
	if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
		failed := w.failing(func() {
			if err := do(ctx); err == nil {
				w.rt.Fatal("acknowledged what can't be durable")
			}
		})
		if failed {
			w.check(t)
		}
	}
	w.ok(do(ctx))
}

func (w *world) revokeSession(t *rapid.T) {
	g, _ := w.anyGateway(t)
	key := w.key(t)
	record, there := w.record(key) // one that was dropped tells whose the session was as well
	if there = there && !record.Expired(g.now()); record.User == "cid" || w.application[key] == "cid" {
		t.Skip("cid's")
	}
	owner, again := w.revoked[key]
	w.acknowledged(t, func(ctx context.Context) error { return g.ledger().RevokeSession(ctx, key) })
	if there {
		owner = record.User
		w.watched[ownKey{sessions.Key{Realm: key.Realm}, owner}] = w.next()
		for _, other := range w.keys() {
			j := w.current(g, other)
			_, revoked := w.revoked[other]
			if other != key && other.Realm == key.Realm && j != nil && j.user == owner && !w.isKilled(other, j) && !revoked {
				w.admit(other, owner, j.began)
			}
		}
	}
	if again && there {
		w.rt.Fatal("a revoked session had a record")
	}
	w.revoked[key] = owner
	w.endAll(key)
}

func (w *world) revokeUser(t *rapid.T) {
	g, _ := w.anyGateway(t)
	user, realm := revocable(t), rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	w.acknowledged(t, func(ctx context.Context) error {
		if realm == "*" {
			return g.ledger().RevokeUserEverywhere(ctx, user)
		}
		return g.ledger().RevokeUser(ctx, realm, user)
	})
	w.users[ownKey{sessions.Key{Realm: realm}, user}] = w.next()
	for _, other := range w.gateways { // it may end once more what has ended, so that other gateways ask about that again
		for _, q := range other.questions {
			q.late = q.late || other.ledger() != g.ledger()
		}
	}
}

func (w *world) flush(t *rapid.T) {
	g, _ := w.anyGateway(t)
	realm := rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	w.acknowledged(t, func(ctx context.Context) error {
		if realm == "*" {
			return g.ledger().FlushAll(ctx)
		}
		return g.ledger().Flush(ctx, realm)
	})
	for key := range w.incarnations {
		if realm == "*" || key.Realm == realm {
			w.endAll(key)
		}
	}
	w.overtake(func(key sessions.Key) bool { return realm == "*" || key.Realm == realm })
}

func (w *world) liftSession(t *rapid.T) {
	g, _ := w.anyGateway(t)
	if len(w.revoked) == 0 {
		t.Skip("no session is revoked")
	}
	key := rapid.SampledFrom(slices.SortedFunc(maps.Keys(w.revoked), func(a, b sessions.Key) int {
		return slices.Compare(a.Hash[:], b.Hash[:])
	})).Draw(t, "revoked")
	w.acknowledged(t, func(ctx context.Context) error {
		lifted, err := g.ledger().LiftSession(ctx, key)
		if err == nil && !lifted {
			w.rt.Fatal("there was nothing to lift")
		}
		return err
	})
	owner := w.revoked[key]
	delete(w.revoked, key)
	w.unrefuse()
	if owner == "" {
		return
	}
	for other, of := range w.revoked {
		if other.Realm == key.Realm && of == owner {
			w.admit(key, owner, 0)
			return
		}
	}
	delete(w.watched, ownKey{sessions.Key{Realm: key.Realm}, owner})
}

func (w *world) liftUser(t *rapid.T) {
	g, _ := w.anyGateway(t)
	user, realm := revocable(t), rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	of := ownKey{sessions.Key{Realm: realm}, user}
	var lifted bool
	w.acknowledged(t, func(ctx context.Context) (err error) {
		if realm == "*" {
			lifted, err = g.ledger().LiftUserEverywhere(ctx, user)
		} else {
			lifted, err = g.ledger().LiftUser(ctx, realm, user)
		}
		return err
	})
	if _, in := w.users[of]; in != lifted {
		w.rt.Fatalf("lifted %v, want %v", lifted, in)
	}
	delete(w.users, of)
	w.unrefuse()
}

func (w *world) wait(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{
		time.Millisecond, 400 * time.Millisecond, time.Second, 30 * time.Second, 2 * time.Minute, 31 * time.Minute,
	}).Draw(t, "time")
	if w.waited += by; w.setTime() > 0 && w.waited > w.setTime()/2 { // well before or well after it is forgotten
		by += w.setTime()
		w.waited = 0
		clear(w.seen)
		for _, g := range w.gateways {
			g.signIns = nil
		}
	}
	w.advance(by)
}

// restart closes the store and opens it again, or kills the process. Requests are gone, tokens are not.
func (w *world) restart(t *rapid.T) {
	if w.surroundings.restart(rapid.Bool().Draw(t, "cleanly")) {
		clear(w.seen)
	}
	for _, g := range w.gateways {
		g.signIns, g.questions, g.responses = nil, nil, nil
	}
	w.unrefuse()
}

func (w *world) check(t *rapid.T) {
	for _, g := range w.gateways {
		if g.catchUp == nil {
			w.checkOn(g)
		} else if rapid.Bool().Draw(t, "look") {
			g.catchUp()
			w.checkOn(g)
			g.hold()
		}
	}
}

// checkOn checks what a gateway says that has heard of everything.
func (w *world) checkOn(g *gateway) {
	now := g.now()
	w.tokens = slices.DeleteFunc(w.tokens, func(m minted) bool { return !now.Before(m.until) })
	for _, m := range w.tokens {
		dead, _ := g.ledger().TokenDead(SubjectsOf("jti", m.key, m.user), m.authTime)
		if want := w.isDead(m); dead != want {
			w.rt.Fatalf("a token of %s's is dead: %v, want %v", m.user, dead, want)
		}
	}
	for _, key := range w.keys() {
		want, wantErr := w.expected(g, key)
		session, active, err := g.ledger().Active(ctx, key)
		if !errors.Is(err, wantErr) || session.User != want || active != (want != "") {
			w.rt.Fatalf("active %v, %q, %v; want %q, %v", active, session.User, err, want, wantErr)
		}
	}
}
