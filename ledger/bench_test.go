package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// manyRevoked is a storage with so many revoked token ids.
type manyRevoked struct {
	*memory
	revoked int
}

func (m manyRevoked) Journal() blacklist.Journal { return blacklisttest.Many(m.revoked) }

// benchTokenDead asks about tokens that live, as the token path does with every request: beside many revoked ones, an
// end, a revoked session, a revoked user and a flush of another realm, so that every question is really asked.
func benchTokenDead(b *testing.B) func(i int) {
	b.Helper()
	l, err := Open(b.Context(), manyRevoked{memory: newMemory(), revoked: 1_000_000}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	entries := []blacklist.Subject{
		blacklist.EndOf("shop", sessions.HashOf("ended")), blacklist.RevokedSession("shop", sessions.HashOf("revoked")),
		blacklist.RevokedUser("shop", "mallory"), blacklist.RevokedUserEverywhere("mallory"), blacklist.FlushedRealm("blog"),
	}
	now := time.Now()
	for _, subject := range entries {
		_, err := l.blacklist.Revoke(b.Context(), blacklist.Entry{Subject: subject, Second: now.Unix(), Expires: now.Add(time.Hour)})
		if err != nil {
			b.Fatal(err)
		}
	}
	tokens := make([]Subjects, 4096)
	for i := range tokens {
		key := sessions.Key{Realm: "shop", Hash: sessions.HashOf(fmt.Sprint("session ", i))}
		tokens[i] = SubjectsOf(fmt.Sprint("token ", i), key, fmt.Sprint("user ", i))
	}
	b.ReportAllocs()
	return func(i int) {
		if dead, _ := l.TokenDead(tokens[i%len(tokens)], now.Unix()); dead {
			b.Error("dead")
		}
	}
}

func BenchmarkTokenDeadAmongMillion(b *testing.B) {
	ask := benchTokenDead(b)
	for i := 0; b.Loop(); i++ {
		ask(i)
	}
}

func BenchmarkTokenDeadAmongMillionParallel(b *testing.B) {
	ask := benchTokenDead(b)
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for i := 0; each.Next(); i++ {
			ask(i)
		}
	})
}

// BenchmarkPaths takes each way through the ledger once in every iteration. The allocations count, too: most of these ways
// are those of requests.
func BenchmarkPaths(b *testing.B) {
	ctx := b.Context()
	two := sessions.Key{Realm: "shop", Hash: sessions.HashOf("two")}
	ann, long := Identity{User: "ann"}, Lifetimes{Idle: 1e6 * time.Hour, MaxAge: 1e6 * time.Hour}
	paths := []struct {
		name string
		step func(f *fixture) error
	}{
		{"Active", func(f *fixture) error {
			_, _, err := f.Active(ctx, shop)
			return err
		}},
		{"Confirm", func(f *fixture) error {
			_, err := f.Ask(shop).Identified(ctx, ann, lives)
			return err
		}},
		{"Learn", func(f *fixture) error {
			if _, err := f.Ask(two).Identified(ctx, ann, lives); err != nil {
				return err
			}
			_, err := f.End(ctx, two, 0)
			return err
		}},
		{"Nobody", func(f *fixture) error {
			err := f.AskSince(two, start).Nobody(ctx, time.Minute)
			f.IsNobody(ctx, two)
			f.Forget(two)
			return err
		}},
		{"Touch", func(f *fixture) error {
			f.advance(2 * time.Minute)
			session, _, err := f.Active(ctx, shop)
			if err != nil {
				return err
			}
			return f.Touch(ctx, session, long.Idle)
		}},
		{"Add", func(f *fixture) error {
			_, err := f.Add(ctx, two, ann, lives)
			return err
		}},
		{"Follow", func(f *fixture) error {
			f.advance(time.Second) // two sessions that begin in one second would end together
			session, err := f.Add(ctx, two, ann, lives)
			if err != nil {
				return err
			}
			to := sessions.HashOf("three")
			session, err = f.Follow(ctx, Step{From: two, To: to, Lineage: lineageOf(session), Idle: lives.Idle})
			if err != nil {
				return err
			}
			_, err = f.EndRolling(ctx, session.Key, lineageOf(session), lives.Idle)
			return err
		}},
		{"Mint", func(f *fixture) error {
			claim := f.ClaimMint(ctx, shop, f.MintMark())
			f.MayMintFor(sessions.Session{Key: shop, User: "ann", AuthTime: start.Unix()})
			claim.Minted(start)
			claim.Release()
			return nil
		}},
		{"Kill", func(f *fixture) error { return f.KillTokens(ctx, shop, start.Unix()) }},
		{"RevokeSession", func(f *fixture) error {
			if _, err := f.Add(ctx, two, ann, lives); err != nil {
				return err
			}
			err := f.RevokeSession(ctx, two)
			f.Revoked(two)
			f.SawSet(two, f.Moment())
			_, liftErr := f.LiftSession(ctx, two)
			return errors.Join(err, liftErr)
		}},
		{"RevokeUser", func(f *fixture) error {
			err := f.RevokeUser(ctx, "shop", "ann")
			_, _ = f.Ask(shop).Identified(ctx, ann, lives)
			f.Revoked(shop)
			_, liftErr := f.LiftUser(ctx, "shop", "ann")
			return errors.Join(err, liftErr)
		}},
		{"Flush", func(f *fixture) error { return f.Flush(ctx, "shop") }},
		{"Watch", func(f *fixture) error {
			f.Watch(SubjectsOfSession(shop, "ann"), start.Unix()+1000, func() {}).Stop()
			return nil
		}},
		{"Count", func(f *fixture) error {
			_, err := f.Count(ctx)
			return err
		}},
		{"Housekeeping", func(f *fixture) error {
			f.retry(ctx)
			f.sweep(ctx)
			return nil
		}},
	}
	for _, path := range paths {
		b.Run(path.name, func(b *testing.B) {
			f := newFixture(b)
			if _, err := f.Ask(shop).Identified(ctx, ann, long); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := path.step(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
