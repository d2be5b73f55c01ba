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
	release, ok := f.ClaimMint(ctx, shop)
	if !ok {
		t.Fatal("the first claim failed")
	}
	again, ok := f.ClaimMint(ctx, shop)
	if ok {
		t.Error("claimed twice")
	}
	again() // releases nothing
	if _, ok := f.ClaimMint(ctx, shop); ok {
		t.Error("released by one who did not hold it")
	}
	if _, ok := f.ClaimMint(ctx, sessions.Key{Realm: "forum", Hash: shop.Hash}); !ok {
		t.Error("another session's claim failed")
	}
	release()
	release()
	if _, ok := f.ClaimMint(ctx, shop); !ok {
		t.Error("not released")
	}
}

func TestAbandonedClaimIsTakenOver(t *testing.T) {
	for name, by := range map[string]time.Duration{"abandoned": mintClaimTime, "clock set back": -time.Second} {
		f := newFixture(t)
		release, _ := f.ClaimMint(ctx, shop)
		if name == "abandoned" {
			f.advance(mintClaimTime - 1)
			if _, ok := f.ClaimMint(ctx, shop); ok {
				t.Error("taken over too soon")
			}
			f.advance(1 - mintClaimTime)
		}
		f.advance(by)
		if _, ok := f.ClaimMint(ctx, shop); !ok {
			t.Errorf("%s: not taken over", name)
		}
		release() // of the one that was taken over
		if _, ok := f.ClaimMint(ctx, shop); ok {
			t.Errorf("%s: released by the former holder", name)
		}
	}
}

func TestClaimsAreBounded(t *testing.T) {
	f := newFixture(t)
	for i := range maxMintClaims + 1 {
		f.ClaimMint(ctx, sessions.Key{Realm: "shop", Hash: sessions.Hash{byte(i), byte(i >> 8), byte(i >> 16)}})
	}
	if got := f.mintClaims.(ownMintClaims).Len(); got != maxMintClaims {
		t.Errorf("%d claims are held, want %d", got, maxMintClaims)
	}
}
