package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

func TestRevocations(t *testing.T) {
	f := newFixture(t)
	f.learnAt(one, "ann")
	f.learnAt(two, "ann")
	_, err := f.End(ctx, three, start.Unix())
	f.ok(err)
	expires := start.Add(DefaultRevocationLife)
	for _, err := range []error{
		f.RevokeToken(ctx, "jti", start.Add(time.Hour)), f.RevokeSession(ctx, one), f.RevokeUser(ctx, "shop", "bob"),
		f.RevokeUserEverywhere(ctx, "cid"), f.Flush(ctx, "shop"), f.FlushAll(ctx),
	} {
		f.ok(err)
	}
	now := start.Unix()
	want := []Revocation{
		{Kind: blacklist.KindToken, Digest: sha256.Sum256([]byte("jti")), Expires: start.Add(time.Hour + margin)},
		{Kind: blacklist.KindSession, Realm: "shop", Digest: one.Hash, Second: now, Expires: expires},
		{Kind: blacklist.KindUser, Realm: "shop", User: "bob", Second: now + 1, Expires: expires}, // after the end of three
		{Kind: blacklist.KindUserEverywhere, User: "cid", Second: now + 1, Expires: expires},
		{Kind: blacklist.KindRealm, Realm: "shop", Second: now + 2, Expires: expires},
		{Kind: blacklist.KindAll, Second: now + 3, Expires: expires},
	}
	for limit := 1; limit <= len(want)+1; limit++ {
		var got []Revocation
		cursor := ""
		for {
			page, next, err := f.Revocations(limit, cursor)
			f.ok(err)
			if got = append(got, page...); next == "" {
				break
			}
			cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %+v, want %+v", limit, got, want)
		}
	}
	if counts, err := f.Count(ctx); err != nil || counts.Revocations != len(want) || counts.Entries <= len(want) {
		t.Errorf("Count = %+v, %v", counts, err)
	}
	if page, next, err := f.Revocations(0, ""); len(page) != 1 || next == "" || err != nil {
		t.Errorf("a limit of 0: %v, %q, %v", page, next, err)
	}
}

func TestRevocationsWithBadCursor(t *testing.T) {
	f := newFixture(t)
	f.ok(f.FlushAll(ctx))
	for _, cursor := range []string{"?", "AA", base64.RawURLEncoding.EncodeToString(make([]byte, 33))} {
		if page, next, err := f.Revocations(10, cursor); !errors.Is(err, ErrCursor) || page != nil || next != "" {
			t.Errorf("%q: %v, %q, %v", cursor, page, next, err)
		}
	}
}

func TestLiftToken(t *testing.T) {
	f := newFixture(t)
	session := f.learnAt(shop, "ann")
	f.ok(f.RevokeToken(ctx, "jti", start.Add(time.Hour)))
	f.memory.journal.Fail(true)
	if lifted, err := f.LiftToken(ctx, "jti"); lifted || !errors.Is(err, blacklist.ErrUnavailable) {
		t.Errorf("LiftToken: %v, %v", lifted, err)
	}
	f.expectDead(session, Revoked)
	f.memory.journal.Fail(false)
	for _, want := range []bool{true, false} {
		if lifted, err := f.LiftToken(ctx, "jti"); lifted != want || err != nil {
			t.Errorf("LiftToken: %v, %v; want %v", lifted, err, want)
		}
		f.expectDead(session, 0)
	}
}
