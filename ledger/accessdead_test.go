package ledger

import (
	"testing"
	"time"
)

func TestAccessDead(t *testing.T) {
	f := newFixture(t)
	now := f.clock().Unix()
	expect := func(name, realm, user, jti string, since int64, want bool) {
		t.Helper()
		if got := f.AccessDead(realm, user, jti, since); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	expect("nothing is revoked", "shop", "ann", "t1", now, false)

	f.ok(f.RevokeToken(ctx, "t1", f.clock().Add(time.Hour)))
	expect("the token", "shop", "ann", "t1", now, true)
	expect("another token", "shop", "ann", "t2", now, false)
	expect("one without id", "shop", "ann", "", now, false)

	f.ok(f.RevokeUser(ctx, "shop", "ann"))
	expect("the user", "shop", "ann", "t2", now, true)
	expect("without any time", "shop", "ann", "t2", 0, true)
	expect("signed in since", "shop", "ann", "t2", now+1, false)
	expect("another user", "shop", "bob", "t2", now, false)
	expect("the user of another realm", "forum", "ann", "t2", now, false)

	f.ok(f.RevokeUserEverywhere(ctx, "bob"))
	expect("the user everywhere", "forum", "bob", "t2", now, true)

	f.ok(f.Flush(ctx, "forum"))
	expect("a flush", "forum", "cid", "t2", now, true)
	expect("issued after the flush", "forum", "cid", "t2", f.clock().Unix()+2, false)
	expect("another realm's flush", "shop", "cid", "t2", now, false)
	f.crash()
	expect("the user, after a restart", "shop", "ann", "t2", now, true)
}
