package ledger

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestMayMint(t *testing.T) {
	f := newFixture(t)
	if !f.MayMint(shop, start.Unix()) || f.MayMint(shop, 0) || f.MayMint(shop, -1) {
		t.Error("minting without any end is for every auth_time but none")
	}
	f.end(start.Unix())
	for after, may := range map[int64]bool{-1: false, 0: false, 1: true} {
		if got := f.MayMint(shop, start.Unix()+after); got != may {
			t.Errorf("%d s after the end: %v", after, got)
		}
	}
}

func TestClaimMint(t *testing.T) {
	f := newFixture(t)
	held := f.claim(shop)
	if !held.Holds() {
		t.Fatal("the first claim failed")
	}
	again := f.claim(shop)
	if again.Holds() {
		t.Error("claimed twice")
	}
	again.Release() // releases nothing
	if f.claim(shop).Holds() {
		t.Error("released by one who did not hold it")
	}
	if !f.claim(sessions.Key{Realm: "forum", Hash: shop.Hash}).Holds() {
		t.Error("another session's claim failed")
	}
	held.Release()
	held.Release()
	if held.Holds() {
		t.Error("held after it was released")
	}
	if !f.claim(shop).Holds() {
		t.Error("not released")
	}
	var none *MintClaim
	if none.Release(); none.Holds() {
		t.Error("no claim holds")
	}
}

// claim claims for a request that arrives now.
func (f *fixture) claim(key sessions.Key) *MintClaim { return f.ClaimMint(ctx, key, f.MintMark()) }

// mint mints for a session, for a request that arrived at the mark, and reports whether it could.
func (f *fixture) mint(key sessions.Key, arrived MintMark) bool {
	claim := f.ClaimMint(ctx, key, arrived)
	defer claim.Release()
	if claim.Holds() {
		claim.Minted(f.clock())
		return true
	}
	return false
}

// Requests that come at once get one token, however late the last of them claims.
func TestOneMintForRequestsAtOnce(t *testing.T) {
	for name, between := range map[string]func(*fixture){
		"at once":      func(*fixture) {},
		"much later":   func(f *fixture) { f.advance(mintTurnTime - 1); f.sweep(ctx) },
		"others mint":  func(f *fixture) { f.mint(keyOf("other"), f.MintMark()) },
		"others fail":  func(f *fixture) { f.claim(shop).Release() },
		"clock set to": func(f *fixture) { f.advance(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			arrived := f.MintMark()
			if !f.mint(shop, arrived) {
				t.Fatal("the first can't mint")
			}
			between(f)
			for range 63 {
				if f.mint(shop, arrived) {
					t.Error("a second token for requests that came at once")
				}
			}
			if !f.mint(keyOf("third"), arrived) {
				t.Error("another session gets none")
			}
			if !f.mint(shop, f.MintMark()) {
				t.Error("the next request gets no token")
			}
		})
	}
}

// What did not mint keeps nobody from minting.
func TestClaimWithoutMint(t *testing.T) {
	f := newFixture(t)
	arrived := f.MintMark()
	first, second := f.ClaimMint(ctx, shop, arrived), f.ClaimMint(ctx, shop, arrived)
	first.Release()
	second.Release()
	if f.mintTurns.(ownMintTurns).Len() != 0 {
		t.Error("something is kept in mind of a session that got no token")
	}
	if !f.mint(shop, arrived) {
		t.Error("no token although none went out")
	}
}

// A client sends many requests before the token reaches it. Some arrive after it went out, while others have no response yet.
func TestMintCrowd(t *testing.T) {
	f := newFixture(t)
	first, beside := f.claim(shop), f.claim(shop)
	first.Minted(f.clock())
	first.Release()
	late := f.claim(shop)
	if late.Holds() {
		t.Error("a second token while the crowd is there")
	}
	beside.Release()
	if f.mint(shop, f.MintMark()) {
		t.Error("a second token while a late one of the crowd is there")
	}
	late.Release()
	late.Release()
	if !f.mint(shop, f.MintMark()) {
		t.Error("no token for the next request")
	}

	// A request without an answer keeps others from minting for a moment only.
	first, slow := f.claim(shop), f.claim(shop)
	first.Minted(f.clock())
	first.Release()
	f.advance(mintCrowdTime)
	if !f.mint(shop, f.MintMark()) {
		t.Error("no token for as long as a request takes that got none")
	}
	slow.Release()
}

func TestAbandonedClaimIsTakenOver(t *testing.T) {
	for name, by := range map[string]time.Duration{"abandoned": mintClaimTime, "clock set back": -time.Second} {
		f := newFixture(t)
		former := f.claim(shop)
		if name == "abandoned" {
			f.advance(mintClaimTime - 1)
			if failed := f.claim(shop); failed.Holds() {
				t.Error("taken over too soon")
			} else {
				failed.Release()
			}
			f.advance(1 - mintClaimTime)
		}
		f.advance(by)
		if !f.claim(shop).Holds() {
			t.Errorf("%s: not taken over", name)
		}
		if former.Holds() {
			t.Errorf("%s: held by two", name)
		}
		former.Release() // of the one that was taken over
		if f.claim(shop).Holds() {
			t.Errorf("%s: released by the former holder", name)
		}
	}
}

func TestMintTurnsAreBounded(t *testing.T) {
	f := newFixture(t)
	key := func(i int) sessions.Key {
		return sessions.Key{Realm: "shop", Hash: sessions.Hash{byte(i), byte(i >> 8), byte(i >> 16)}}
	}
	for i := range maxMintTurns + 1 {
		f.mint(key(i), f.MintMark())
	}
	turns := f.mintTurns.(ownMintTurns)
	if got := turns.Len(); got != maxMintTurns {
		t.Errorf("%d turns are held, want %d", got, maxMintTurns)
	}
	held := f.claim(key(7))
	f.advance(mintTurnTime)
	f.sweep(ctx)
	if got := turns.Len(); got != 0 {
		t.Errorf("%d turns are held long after the last mint", got)
	}
	held.Release()
	held = f.claim(key(7))
	f.sweep(ctx)
	if got := turns.Len(); got != 1 || f.claim(key(7)).Holds() {
		t.Errorf("a claim was swept: %d", got)
	}
	held.Release()
}
