package ledger

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// maxMintTurns is the greatest number of sessions in mintTurns. With more of them at a time the oldest is forgotten, and a
	// session may get two tokens at once.
	maxMintTurns = 65536
	// mintClaimTime is the age from which on a claim that was not released counts as abandoned.
	mintClaimTime = 10 * time.Second
	// mintCrowdTime is for how long after a mint the requests that came beside it keep others from minting. It covers the
	// requests that a client sent before the token reached it, although they arrive later.
	mintCrowdTime = time.Second
	// mintTurnTime is how long a mint is kept in mind at least. It is more than any request takes from its arrival to its
	// claim, unless the application is as slow to name its user.
	mintTurnTime = time.Minute
)

// MintMark is a place in the order of requests and mints of this process. The zero value is before all of them.
type MintMark uint64

// MintClaim is the attempt of one request to be the one that mints for a session. Its methods are for one goroutine. A nil
// MintClaim holds nothing.
type MintClaim struct {
	turns ownMintTurns
	key   sessions.Key
	turn  *mintTurn // nil once the claim was released
	held  bool      // it succeeded
	lost  atomic.Bool
	mints bool
	at    time.Time // of the mint
	note  *mintNote // for other gateways; nil: none
}

// Holds reports whether the request is the one that may mint. It is false once the claim was released, or was taken over
// since it had grown old.
func (c *MintClaim) Holds() bool { return c != nil && c.turn != nil && c.held && !c.lost.Load() }

// Minted notes that a token goes out. Requests that arrived before the claim is released then get none: the client has sent
// them beside this one.
func (c *MintClaim) Minted(now time.Time) { c.mints, c.at = true, now }

// Release gives the claim back. Call it when the head of the response goes out or never will, also for a claim that failed.
// Further calls do nothing.
func (c *MintClaim) Release() {
	if c == nil || c.turn == nil {
		return
	}
	if c.note != nil {
		c.note.drop()
	}
	c.turns.release(c)
	c.turn = nil
}

// mintTurns says whose turn it is to mint for a session.
type mintTurns interface {
	// mark is [Ledger.MintMark].
	mark() MintMark
	// claim is [Ledger.ClaimMint].
	claim(ctx context.Context, key sessions.Key, arrived MintMark, now time.Time) *MintClaim
	// sweep forgets the mints of long ago.
	sweep(now time.Time)
}

// ownMintTurns are those of this process.
type ownMintTurns struct {
	*remember.Memory[sessions.Key, *mintTurn]

	order *atomic.Uint64 // the number of mints
}

// mintTurn is what is known of the minting for one session. It is guarded by the lock of its place in the memory.
type mintTurn struct {
	holder *MintClaim // nil: nobody is minting
	since  time.Time  // when the holder claimed
	minted MintMark   // where the last mint stands; 0: none is in mind
	at     time.Time  // of the last mint
	beside int        // requests whose claim failed and whose response has not begun
}

func newMintTurns() ownMintTurns {
	return ownMintTurns{remember.New[sessions.Key, *mintTurn](maxMintTurns), new(atomic.Uint64)}
}

func (o ownMintTurns) mark() MintMark { return MintMark(o.order.Load()) }

func (o ownMintTurns) claim(_ context.Context, key sessions.Key, arrived MintMark, now time.Time) *MintClaim {
	place := o.Lock(key)
	defer place.Unlock()
	turn, known := place.Get()
	if !known {
		turn = new(mintTurn)
	}
	claim := &MintClaim{turns: o, key: key, turn: turn, held: turn.isFree(arrived, now)}
	if !claim.held {
		turn.beside++
		return claim
	}
	if turn.holder != nil {
		turn.holder.lost.Store(true)
	}
	if turn.holder, turn.since = claim, now; !known {
		place.Put(turn)
	}
	return claim
}

// isFree reports whether a request that arrived at the mark may mint.
func (t *mintTurn) isFree(arrived MintMark, now time.Time) bool {
	switch {
	case t.holder != nil && isWithin(t.since, now, mintClaimTime):
		return false
	case arrived < t.minted:
		return false // it is from before the token went out
	default:
		return t.beside == 0 || t.minted == 0 || !isWithin(t.at, now, mintCrowdTime)
	}
}

// isWithin reports whether the time is less than the span ago. What is from the future is from before the clock was set back,
// and as old as can be.
func isWithin(since, now time.Time, span time.Duration) bool {
	age := now.Sub(since)
	return 0 <= age && age < span
}

// release takes the claim out of the turn of its session.
func (o ownMintTurns) release(c *MintClaim) {
	place := o.Lock(c.key)
	defer place.Unlock()
	turn := c.turn
	if c.mints {
		turn.minted, turn.at = MintMark(o.order.Add(1)), c.at
	}
	switch {
	case !c.held:
		turn.beside--
	case turn.holder == c:
		turn.holder = nil
	}
	if current, known := place.Peek(); known && current == turn && turn.minted == 0 && turn.holder == nil && turn.beside == 0 {
		place.Drop()
	}
}

// fail makes a claim that was held one that failed.
func (o ownMintTurns) fail(c *MintClaim) {
	place := o.Lock(c.key)
	defer place.Unlock()
	if c.held = false; c.turn.holder == c {
		c.turn.holder = nil
	}
	c.turn.beside++
}

func (o ownMintTurns) sweep(now time.Time) {
	o.DropIf(func(_ sessions.Key, turn *mintTurn) bool {
		isHeld := turn.holder != nil && isWithin(turn.since, now, mintClaimTime)
		if isHeld || isWithin(turn.at, now, mintTurnTime) {
			return false
		}
		if turn.holder != nil {
			turn.holder.lost.Store(true)
		}
		return true
	})
}

// sharedMintTurns are notes of all gateways. While the place can't be reached, no claim succeeds: a gateway that is cut off
// mints nothing.
type sharedMintTurns struct {
	ownMintTurns // spares the place what this process knows

	place storage.Shared
}

func (s sharedMintTurns) claim(ctx context.Context, key sessions.Key, arrived MintMark, now time.Time) *MintClaim {
	if !s.answers() {
		return nil
	}
	claim := s.ownMintTurns.claim(ctx, key, arrived, now)
	if !claim.held {
		return claim
	}
	note := &mintNote{of: s, name: "mint:" + key.Hash.String() + ":" + key.Realm, value: rand.Text()}
	waiting, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	if claimed, err := s.place.Notes().Claim(waiting, note.name, note.value, mintClaimTime); err != nil || !claimed {
		s.fail(claim)
		return claim
	}
	claim.note = note
	return claim
}

// answerLag is how long ago the place must have answered so that a request with a usable token waits for it.
const answerLag = time.Second

// answers reports whether the place answered a moment ago. A request that a token speaks for must not wait for a place that
// does not answer.
func (s sharedMintTurns) answers() bool {
	link := s.place.Link()
	return link.Connected && !isStale(link, answerLag)
}

// mintNote tells other gateways of a claim.
type mintNote struct {
	of          sharedMintTurns
	name, value string
}

// drop lets other gateways mint.
func (n *mintNote) drop() {
	if !n.of.answers() {
		return // it is over by itself soon
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	_ = n.of.place.Notes().Drop(ctx, n.name, n.value)
}
