package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// TestRolling lets an application change the ids of its sessions with its answers, name users in response headers, and let
// another user in under an id that it keeps, all with requests, questions and answers in flight, while sessions end and an
// operator revokes. What has ended must be over under every id, whatever was in flight, and what has not must go on.
func TestRolling(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		defer func() { _ = f.Close() }()
		r := &rolling{fixture: f, rt: rt, of: make(map[sessions.Key]*life), trail: make(map[sessions.Key]*life), barred: make(map[sessions.Key]string)}
		rt.Repeat(map[string]func(*rapid.T){
			"sign in": r.signIn, "request": r.request, "request by token": r.requestByToken,
			"answer": r.answer, "answer more": r.answer, "answer to POST": r.answerToPost, "header": r.header,
			"ask": r.ask, "identified": r.identified, "nobody": r.nobody, "end": r.end, "add": r.add, "kill": r.kill,
			"revoke session": r.revokeSession, "revoke user": r.revokeUser, "flush": r.flush,
			"wait": r.wait, "tick": func(*rapid.T) { f.retry(ctx); f.sweep(ctx) }, "restart": r.restart,
			"": r.check,
		})
	})
}

// life is a session from when it began until it ended, under all the ids that it had.
type life struct {
	Lineage
	ended bool
	// blurred: one of the same name ended, and it may have with it.
	blurred bool
}

type held struct {
	*life
	key   sessions.Key
	until time.Time
}

type exchange struct {
	*life
	session sessions.Session
	byToken bool
	began   time.Time
}

type questioned struct {
	*Question
	key sessions.Key
}

type rolling struct {
	*fixture
	rt        *rapid.T
	fresh     int
	lives     []*life
	of        map[sessions.Key]*life  // what a record of the key is of
	trail     map[sessions.Key]*life  // what this process saw a key to be of
	barred    map[sessions.Key]string // ids of a revoked session, and its user
	tokens    []held
	exchanges []exchange
	questions []questioned
}

func (r *rolling) newKey() sessions.Key {
	r.fresh++
	return keyOf(fmt.Sprint(r.fresh))
}

func (r *rolling) key(t *rapid.T) sessions.Key {
	if len(r.of) == 0 {
		t.Skip("no session yet")
	}
	keys := slices.SortedFunc(maps.Keys(r.of), func(a, b sessions.Key) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
	return rapid.SampledFrom(keys).Draw(t, "key")
}

// known returns what a record of the key is of, where there is one that is not over.
func (r *rolling) known(key sessions.Key) *life {
	record, there := r.memory.record(key)
	if !there || record.Expired(r.clock()) || r.of[key] == nil || r.of[key].ended || r.of[key].Lineage != lineageOf(record) {
		return nil
	}
	return r.of[key]
}

// over notes that sessions have ended, and that those of the same name may have.
func (r *rolling) over(ended ...*life) {
	for _, one := range ended {
		if one == nil {
			continue
		}
		one.ended = true
		for _, other := range r.lives {
			other.blurred = other.blurred || other.Lineage == one.Lineage
		}
	}
}

func (r *rolling) hold(one *life, session sessions.Session) {
	r.tokens = append(r.tokens, held{one, session.Key, session.Confirmed.Add(tokenLife)})
}

// learned notes what the ledger made of the application's word, or the operator's.
func (r *rolling) learned(before *life, session sessions.Session, user string) {
	if session.User != user {
		r.rt.Fatalf("the session is %q's, want %q's", session.User, user)
	}
	if before != nil && before.Lineage == lineageOf(session) {
		r.hold(before, session)
		return
	}
	if before != nil && before.User != user {
		r.over(before)
	}
	if trail := r.trail[session.Key]; trail != nil && trail.User != user {
		r.over(trail)
	}
	if trail := r.trail[session.Key]; trail != nil && !trail.ended && trail.Lineage == lineageOf(session) {
		r.of[session.Key] = trail
		r.hold(trail, session)
		return
	}
	for _, other := range r.lives {
		if other.ended && other.Lineage == lineageOf(session) && r.of[session.Key] == other {
			r.rt.Fatal("a session goes on that has ended")
		}
	}
	begun := &life{Lineage: lineageOf(session)}
	r.lives = append(r.lives, begun)
	r.of[session.Key] = begun
	r.hold(begun, session)
}

func anyone(t *rapid.T) string { return rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user") }

func (r *rolling) signIn(t *rapid.T) {
	key, user := r.newKey(), anyone(t)
	r.SawSet(key, r.Moment())
	session, err := r.named(key, user)
	r.ok(err)
	r.learned(nil, session, user)
}

func (r *rolling) request(t *rapid.T) {
	key := r.key(t)
	session, active, err := r.Active(ctx, key)
	if err != nil || !active || r.of[key].Lineage != lineageOf(session) {
		return
	}
	r.exchanges = append(r.exchanges, exchange{r.of[key], session, false, r.clock()})
}

func (r *rolling) requestByToken(t *rapid.T) {
	if len(r.tokens) == 0 {
		t.Skip("no token")
	}
	token := rapid.SampledFrom(r.tokens).Draw(t, "token")
	session := sessions.Session{Key: token.key, User: token.User, AuthTime: token.AuthTime, Confirmed: token.until.Add(-tokenLife)}
	if r.isAlive(session) && r.clock().Before(token.until) {
		r.exchanges = append(r.exchanges, exchange{token.life, session, true, r.clock()})
	}
}

// answer is the application's answer to a GET that sets another id: mostly one of its own, sometimes any.
func (r *rolling) answer(t *rapid.T) {
	request, to := take(t, &r.exchanges), r.newKey()
	if rapid.IntRange(0, 4).Draw(t, "which id") == 0 {
		to = r.key(t)
	}
	there := r.known(to)
	session, err := r.Follow(ctx, step(request.session, to, request.byToken))
	if errors.Is(err, ErrNotFollowed) {
		if _, known := r.memory.record(request.session.Key); !request.ended && !request.blurred && there == nil && known &&
			r.known(request.session.Key) == request.life && !r.isRevoked(request.session) && r.of[to] == nil {
			r.rt.Fatal("a session does not go on")
		}
		r.endExchange(request)
		return
	}
	switch r.ok(err); {
	case request.ended:
		r.rt.Fatal("a session goes on that has ended")
	case there != nil && !there.blurred && there.Lineage != request.Lineage:
		r.rt.Fatal("an identity went over to another session's id")
	}
	r.trail[request.session.Key], r.trail[to] = request.life, request.life
	r.of[to] = request.life
	if session.User == "" {
		session = request.session
		session.Key = to
	}
	if lineageOf(session) != request.Lineage || session.Confirmed.After(r.clock()) {
		r.rt.Fatalf("%+v became %+v", request.session, session)
	}
	r.hold(request.life, session)
	if !r.isAlive(session) && !request.blurred {
		r.rt.Fatal("a token of a session that goes on is dead")
	}
}

func (r *rolling) isRevoked(session sessions.Session) bool {
	user := blacklist.RevokedUser(session.Realm, session.User)
	return r.blacklist.isUserRevoked(user, session.AuthTime) || r.Revoked(session.Key)
}

// answerToPost sets another id in an answer that is no following.
func (r *rolling) answerToPost(t *rapid.T) { r.endExchange(take(t, &r.exchanges)) }

func (r *rolling) endExchange(request exchange) {
	key := request.session.Key
	before, trail := r.known(key), r.trail[key]
	_, err := r.EndRolling(ctx, key, request.Lineage, lives.Idle)
	r.ok(err)
	r.over(before, trail, request.life)
	if r.isAlive(request.session) || r.isActive(key) {
		r.rt.Fatal("alive after its end")
	}
}

// header is an answer that names a user, mostly the same one, and sets another id or none.
func (r *rolling) header(t *rapid.T) {
	request, user := take(t, &r.exchanges), anyone(t)
	key := rapid.SampledFrom([]sessions.Key{request.session.Key, r.newKey()}).Draw(t, "key")
	before := r.known(key)
	session, err := r.AskSince(key, request.began).Identified(ctx, Identity{User: user}, lives)
	if errors.Is(err, ErrRevoked) && before != nil && before.User != user {
		r.over(before)
	}
	if errors.Is(err, ErrOvertaken) || errors.Is(err, ErrRevoked) {
		return
	}
	r.ok(err)
	if second, ended := r.blacklist.Second(endOf(key)); ended && second >= request.began.Unix() && session.AuthTime <= second {
		r.rt.Fatal("an answer counts that was overtaken")
	}
	r.learned(before, session, user)
}

func (r *rolling) ask(t *rapid.T) {
	key := r.key(t)
	r.questions = append(r.questions, questioned{r.Ask(key), key})
}

// identified answers with any user: the id may have been kept at a sign-in.
func (r *rolling) identified(t *rapid.T) {
	q, user := take(t, &r.questions), anyone(t)
	before := r.known(q.key)
	session, err := q.Identified(ctx, Identity{User: user}, lives)
	switch {
	case errors.Is(err, ErrRevoked):
		if before != nil && before.User != user {
			r.over(before)
		}
		return
	case errors.Is(err, ErrOvertaken):
		return
	}
	r.ok(err)
	if r.barred[q.key] == user {
		r.rt.Fatal("the application's word brought a revoked session back under another of its ids")
	}
	r.learned(before, session, user)
}

func (r *rolling) nobody(t *rapid.T) {
	q := take(t, &r.questions)
	before, trail := r.known(q.key), r.trail[q.key]
	switch err := q.Nobody(ctx, time.Second); {
	case errors.Is(err, ErrRevoked), errors.Is(err, ErrOvertaken):
	case before != nil:
		r.ok(err)
		r.over(before, trail)
	default:
		r.ok(err)
	}
}

func (r *rolling) end(t *rapid.T) {
	key := r.key(t)
	before, trail := r.known(key), r.trail[key]
	_, err := r.End(ctx, key, 0)
	r.ok(err)
	r.over(before, trail)
}

func (r *rolling) add(t *rapid.T) {
	key, user := r.key(t), anyone(t)
	before, record := r.known(key), r.memory.records[key]
	session, err := r.Add(ctx, key, Identity{User: user}, lives)
	if errors.Is(err, ErrRevoked) {
		return
	}
	if r.ok(err); r.barred[key] == user {
		delete(r.barred, key)
	}
	if before != nil && record.Rolling {
		r.over(before) // it ends under its other ids
	}
	r.learned(before, session, user)
}

func (r *rolling) kill(t *rapid.T) {
	key := r.key(t)
	before, trail := r.known(key), r.trail[key]
	r.ok(r.KillTokens(ctx, key, 0))
	r.over(before, trail)
	if session, active, err := r.Active(ctx, key); active && err == nil {
		begun := &life{Lineage: lineageOf(session)}
		r.lives, r.of[key] = append(r.lives, begun), begun
	}
}

func (r *rolling) revokeSession(t *rapid.T) {
	key := r.key(t)
	before, trail := r.known(key), r.trail[key]
	r.ok(r.RevokeSession(ctx, key))
	r.over(before, trail)
	if before == nil {
		before = trail
	}
	for other, of := range r.of {
		if of == before {
			r.barred[other] = of.User
		}
	}
}

func (r *rolling) revokeUser(t *rapid.T) {
	user := anyone(t)
	r.ok(r.RevokeUser(ctx, "shop", user))
	for _, one := range r.lives {
		if one.User == user {
			r.over(one)
		}
	}
}

func (r *rolling) flush(*rapid.T) {
	r.ok(r.Flush(ctx, "shop"))
	r.over(r.lives...)
}

func (r *rolling) wait(t *rapid.T) {
	r.advance(rapid.SampledFrom([]time.Duration{
		time.Millisecond, 400 * time.Millisecond, time.Second, 30 * time.Second, 2 * time.Minute, 31 * time.Minute,
	}).Draw(t, "time"))
}

// restart loses what is in flight, and what was only seen.
func (r *rolling) restart(*rapid.T) {
	r.crash()
	r.exchanges, r.questions = nil, nil
	clear(r.trail)
}

func (r *rolling) check(*rapid.T) {
	r.tokens = slices.DeleteFunc(r.tokens, func(one held) bool { return !r.clock().Before(one.until) })
	for _, one := range r.tokens {
		session := sessions.Session{Key: one.key, User: one.User, AuthTime: one.AuthTime}
		if one.ended && (r.isAlive(session) || r.MayMintFor(session) && !r.isRevoked(session)) {
			r.rt.Fatal("a token is alive, or may be minted, though its session has ended")
		}
	}
	for key, one := range r.of {
		session, active, err := r.Active(ctx, key)
		if active && err == nil && lineageOf(session) == one.Lineage && one.ended {
			r.rt.Fatal("a session is active under one of its ids though it has ended")
		}
		if record, there := r.memory.record(key); there && !record.Expired(r.clock()) && !one.ended && !one.blurred &&
			lineageOf(record) == one.Lineage && !active && err == nil {
			r.rt.Fatal("a session is not active that has not ended")
		}
	}
}
