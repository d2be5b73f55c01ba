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
)

// TestGateways lets two gateways, each with requests, questions and responses in flight, work on one ledger, while an
// operator revokes, lifts and drops, and the process is restarted. The model knows in which order things happened and no
// seconds; whatever it says of a session or a token the ledger must say too.
func TestGateways(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		defer func() { _ = f.Close() }()
		w := newWorld(f, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"begin to sign in": w.beginSignIn, "end to sign in": w.endSignIn, "switch": w.switchUser, "sign off": w.signOff,
			"ask": w.ask, "ask again": w.ask, "answer": w.answer, "answer more": w.answer, "use": w.use,
			"end": w.end, "add": w.add, "kill": w.kill, "mint": w.mint,
			"revoke session": w.revokeSession, "revoke user": w.revokeUser, "flush": w.flush,
			"lift session": w.liftSession, "lift user": w.liftUser,
			"wait": w.wait, "tick": func(*rapid.T) { f.retry(ctx); f.sweep(ctx) }, "restart": w.restart,
			"": w.check,
		})
	})
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
}

// gateway is what is in flight at one of them.
type gateway struct {
	signIns   []arrival
	questions []*inFlight
	responses []minted // that a token may be minted for
}

type ownKey struct {
	sessions.Key
	user string
}

type world struct {
	*fixture
	rt       *rapid.T
	gateways [2]gateway
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
	refused      map[sessions.Key]time.Time
}

func newWorld(f *fixture, rt *rapid.T) *world {
	w := &world{
		fixture: f, rt: rt, application: make(map[sessions.Key]string),
		incarnations: make(map[sessions.Key][]*incarnation), revoked: make(map[sessions.Key]string),
		users: make(map[ownKey]int), watched: make(map[ownKey]int), admitted: make(map[ownKey]int),
		seen: make(map[sessions.Key]int), refused: make(map[sessions.Key]time.Time),
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

func (w *world) gateway(t *rapid.T) *gateway {
	return &w.gateways[rapid.IntRange(0, 1).Draw(t, "gateway")]
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
func (w *world) current(key sessions.Key) *incarnation {
	record, there := w.memory.record(key)
	all := w.incarnations[key]
	if !there || record.Expired(w.clock()) || len(all) == 0 || all[len(all)-1].ended {
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
func (w *world) expected(key sessions.Key) (user string, err error) {
	if _, revoked := w.revoked[key]; revoked || w.clock().Before(w.refused[key]) {
		return "", ErrRevoked
	}
	i := w.current(key)
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
func (w *world) counts(key sessions.Key, user string) bool {
	flagged, revoked := w.flaggedAt(key.Realm, user), w.revokedAt(key.Realm, user)
	if i := w.current(key); flagged == 0 || i != nil && i.user == user && !w.isKilled(key, i) {
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
	key sessions.Key, user string, i *incarnation, goesOn bool, session sessions.Session, err error,
) {
	if err != nil || session.User != user {
		w.rt.Fatalf("%+v, %v; want it to be %s's", session, err, user)
	}
	if i != nil && (i.user != user || w.isKilled(key, i)) {
		w.endAll(key)
	}
	if !goesOn {
		delete(w.refused, key)
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
	g.signIns = append(g.signIns, arrival{w.Moment(), w.next(), anyRealm(t), anyUser(t)})
}

func (w *world) endSignIn(t *rapid.T) {
	request := take(t, &w.gateway(t).signIns)
	key := w.begin(request.realm, request.user)
	w.SawSet(key, request.moment)
	w.seen[key] = request.began
	delete(w.refused, key)
}

// switchUser lets the application forget to change the id when another signs in.
func (w *world) switchUser(t *rapid.T) {
	key, user := w.key(t), anyUser(t)
	w.application[key], w.application[spelled(key)] = user, user
}

func (w *world) signOff(t *rapid.T) { w.application[w.key(t)] = "" }

func (w *world) ask(t *rapid.T) {
	key, g := w.key(t), w.gateway(t)
	if w.Revoked(key) {
		t.Skip("revoked")
	}
	g.questions = append(g.questions, &inFlight{Question: w.Ask(key), key: key, user: w.application[key]})
}

func (w *world) answer(t *rapid.T) {
	q := take(t, &w.gateway(t).questions)
	if q.user == "" {
		w.answerNobody(q)
		return
	}
	before, counts := w.current(q.key), w.counts(q.key, q.user)
	session, err := q.Identified(ctx, Identity{User: q.user}, lives)
	if w.lateness(q, err) {
		return
	}
	if counts {
		goesOn := before != nil && before.user == q.user && !w.isKilled(q.key, before)
		w.learned(q.key, q.user, before, goesOn, session, err)
		return
	}
	if !errors.Is(err, ErrRevoked) {
		w.rt.Fatalf("%s was let in: %v", q.user, err)
	}
	w.refused[q.key] = w.clock().Add(refusalTime)
	if before != nil && before.user != q.user {
		w.endAll(q.key)
	}
}

func (w *world) answerNobody(q *inFlight) {
	i := w.current(q.key)
	err := q.Nobody(ctx, time.Second)
	if w.lateness(q, err) {
		return
	}
	if w.ok(err); i != nil {
		w.endAll(q.key)
	}
}

// lateness reports whether the answer came too late, and checks that the ledger says so.
func (w *world) lateness(q *inFlight, err error) bool {
	_, revoked := w.revoked[q.key]
	if revoked && !errors.Is(err, ErrRevoked) || !revoked && q.void != errors.Is(err, ErrOvertaken) {
		w.rt.Fatalf("answering: %v; overtaken %v, revoked %v", err, q.void, revoked)
	}
	return revoked || q.void
}

// use is a request, which leads to a response that may bring a token.
func (w *world) use(t *rapid.T) {
	key, g := w.key(t), w.gateway(t)
	session, active, err := w.Active(ctx, key)
	if err != nil || !active {
		return
	}
	w.ok(w.Touch(ctx, session, lives.Idle))
	until := session.Confirmed.Add(tokenLife) // when a token ends that is minted for this response, however late
	g.responses = append(g.responses, minted{w.current(key), key, session.AuthTime, until})
}

func (w *world) mint(t *rapid.T) {
	m := take(t, &w.gateway(t).responses)
	if !w.clock().Before(m.until) {
		return
	}
	_, revoked := w.revoked[m.key]
	if may := w.MayMint(m.key, m.authTime); may != (!m.ended && !revoked) {
		w.rt.Fatalf("minting is %v for a session that has ended (%v) or is revoked (%v)", may, m.ended, revoked)
	}
	w.tokens = append(w.tokens, m) // even if it may not be minted: it must be dead then
}

func (w *world) end(t *rapid.T) {
	key := w.key(t)
	i := w.current(key)
	ended, err := w.End(ctx, key, 0)
	if err != nil || ended != (i != nil) {
		w.rt.Fatalf("End: %v, %v; want %v", ended, err, i != nil)
	}
	if w.overtake(func(other sessions.Key) bool { return other == key }); ended {
		w.endAll(key)
	}
}

func (w *world) add(t *rapid.T) {
	key, user := w.key(t), anyUser(t)
	before := w.current(key)
	session, err := w.Add(ctx, key, Identity{User: user}, lives)
	if _, revoked := w.revoked[key]; revoked {
		if !errors.Is(err, ErrRevoked) {
			w.rt.Fatalf("adding a revoked session: %v", err)
		}
		return
	}
	w.overtake(func(other sessions.Key) bool { return other == key })
	w.learned(key, user, before, false, session, err)
}

func (w *world) kill(t *rapid.T) {
	key := w.key(t)
	if _, revoked := w.revoked[key]; revoked {
		t.Skip("revoked")
	}
	i := w.current(key)
	w.ok(w.KillTokens(ctx, key, 0))
	w.endAll(key)
	if i != nil && !w.isKilled(key, i) {
		w.incarnations[key] = append(w.incarnations[key], &incarnation{user: i.user, began: i.began})
	}
}

// acknowledged does what must be durable, now and then after a try that fails and must change nothing.
func (w *world) acknowledged(t *rapid.T, do func(context.Context) error) {
	if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
		w.memory.journal.Fail(true)
		if err := do(ctx); err == nil {
			w.rt.Fatal("acknowledged what can't be durable")
		}
		w.memory.journal.Fail(false)
		w.check(t)
	}
	w.ok(do(ctx))
}

func (w *world) revokeSession(t *rapid.T) {
	key := w.key(t)
	record, there := w.memory.record(key) // one that was dropped tells whose the session was as well
	if there = there && !record.Expired(w.clock()); record.User == "cid" || w.application[key] == "cid" {
		t.Skip("cid's")
	}
	owner, again := w.revoked[key]
	w.acknowledged(t, func(ctx context.Context) error { return w.RevokeSession(ctx, key) })
	if there {
		owner = record.User
		w.watched[ownKey{sessions.Key{Realm: key.Realm}, owner}] = w.next()
		for _, other := range w.keys() {
			j := w.current(other)
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
	user, realm := revocable(t), rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	w.acknowledged(t, func(ctx context.Context) error {
		if realm == "*" {
			return w.RevokeUserEverywhere(ctx, user)
		}
		return w.RevokeUser(ctx, realm, user)
	})
	w.users[ownKey{sessions.Key{Realm: realm}, user}] = w.next()
}

func (w *world) flush(t *rapid.T) {
	realm := rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	w.acknowledged(t, func(ctx context.Context) error {
		if realm == "*" {
			return w.FlushAll(ctx)
		}
		return w.Flush(ctx, realm)
	})
	for key := range w.incarnations {
		if realm == "*" || key.Realm == realm {
			w.endAll(key)
		}
	}
	w.overtake(func(key sessions.Key) bool { return realm == "*" || key.Realm == realm })
}

func (w *world) liftSession(t *rapid.T) {
	if len(w.revoked) == 0 {
		t.Skip("no session is revoked")
	}
	key := rapid.SampledFrom(slices.SortedFunc(maps.Keys(w.revoked), func(a, b sessions.Key) int {
		return slices.Compare(a.Hash[:], b.Hash[:])
	})).Draw(t, "revoked")
	w.acknowledged(t, func(ctx context.Context) error {
		lifted, err := w.LiftSession(ctx, key)
		if err == nil && !lifted {
			w.rt.Fatal("there was nothing to lift")
		}
		return err
	})
	owner := w.revoked[key]
	delete(w.revoked, key)
	clear(w.refused)
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
	user, realm := revocable(t), rapid.SampledFrom([]string{"shop", "forum", "*"}).Draw(t, "realm")
	of := ownKey{sessions.Key{Realm: realm}, user}
	var lifted bool
	w.acknowledged(t, func(ctx context.Context) (err error) {
		if realm == "*" {
			lifted, err = w.LiftUserEverywhere(ctx, user)
		} else {
			lifted, err = w.LiftUser(ctx, realm, user)
		}
		return err
	})
	if _, in := w.users[of]; in != lifted {
		w.rt.Fatalf("lifted %v, want %v", lifted, in)
	}
	delete(w.users, of)
	clear(w.refused)
}

func (w *world) wait(t *rapid.T) {
	w.advance(rapid.SampledFrom([]time.Duration{
		time.Millisecond, 400 * time.Millisecond, time.Second, 30 * time.Second, 2 * time.Minute, 31 * time.Minute,
	}).Draw(t, "time"))
}

// restart closes the store and opens it again, or kills the process. Requests are gone, tokens are not.
func (w *world) restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "cleanly") {
		w.ok(w.Close())
		w.open()
	} else {
		w.crash()
	}
	w.gateways = [2]gateway{}
	clear(w.seen)
	clear(w.refused)
}

func (w *world) check(*rapid.T) {
	now := w.clock()
	w.tokens = slices.DeleteFunc(w.tokens, func(m minted) bool { return !now.Before(m.until) })
	for _, m := range w.tokens {
		dead, _ := w.TokenDead(SubjectsOf("jti", m.key, m.user), m.authTime)
		if want := w.isDead(m); dead != want {
			w.rt.Fatalf("a token of %s's is dead: %v, want %v", m.user, dead, want)
		}
	}
	for _, key := range w.keys() {
		want, wantErr := w.expected(key)
		session, active, err := w.Active(ctx, key)
		if !errors.Is(err, wantErr) || session.User != want || active != (want != "") {
			w.rt.Fatalf("active %v, %q, %v; want %q, %v", active, session.User, err, want, wantErr)
		}
	}
}
