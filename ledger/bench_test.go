package ledger

import (
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
		err := l.blacklist.Revoke(b.Context(), blacklist.Entry{Subject: subject, Second: now.Unix(), Expires: now.Add(time.Hour)})
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
