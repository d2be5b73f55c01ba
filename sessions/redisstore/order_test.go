package redisstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

func TestEndRemovesTheSession(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		for i, test := range []struct {
			subject func(realm string, hash [32]byte) blacklist.Subject
			second  int64
			stays   bool
		}{
			{blacklist.EndOf, start.Unix(), false},
			{blacklist.EndOf, start.Unix() + 1, false},
			{blacklist.EndOf, start.Unix() - 1, true},
			{blacklist.RevokedSession, start.Unix(), false},
			{blacklist.RevokedSession, start.Unix() - 1, true},
		} {
			session, other := newSession(fmt.Sprint("one ", i), "ann"), newSession(fmt.Sprint("other ", i), "ann")
			a.catchUp(t)
			for _, s := range []sessions.Session{session, other} {
				if err := a.Sessions().Put(t.Context(), s, start); err != nil {
					t.Fatal(err)
				}
			}
			a.revoke(t, blacklist.Entry{Subject: test.subject(session.Realm, session.Hash), Second: test.second, Expires: start.Add(time.Hour)})
			if _, found, err := a.Sessions().Get(t.Context(), session.Key, start); found != test.stays || err != nil {
				t.Errorf("test %d: Get = %v, %v, want %v", i, found, err, test.stays)
			}
			page, err := a.Sessions().List(t.Context(), sessions.Query{Realm: "shop", User: "ann", Limit: 100}, start)
			listed := slices.ContainsFunc(page.Sessions, func(s sessions.Session) bool { return s.Key == session.Key })
			if err != nil || listed != test.stays {
				t.Errorf("test %d: the session is listed: %v, %v", i, listed, err)
			}
			if _, found, err := a.Sessions().Get(t.Context(), other.Key, start); !found || err != nil {
				t.Errorf("test %d: another session is %v, %v", i, found, err)
			}
		}
	})
}

func TestWriteHitsTheNewestSession(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		session := newSession("one", "ann")
		session.AuthTime += 1000
		if err := a.Sessions().Put(t.Context(), session, start); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			subject blacklist.Subject
			raised  bool
		}{
			{blacklist.RevokedUser("shop", "ann"), true},
			{blacklist.RevokedUserEverywhere("ann"), true},
			{blacklist.FlushedRealm("shop"), true},
			{blacklist.FlushedAll(), true},
			{blacklist.RevokedAttribute("shop", "role", "admin"), true},
			{blacklist.TokenID("one"), false},
			{blacklist.EndOf("shop", [32]byte{1}), false},
			{blacklist.RevokedSession("shop", [32]byte{1}), false},
			{blacklist.WatchedUser("shop", "ann"), false},
			{blacklist.Lifted(), false},
			{blacklist.LineageOf("shop", "ann", 5), false},
			{blacklist.AdmittedSession("shop", [32]byte{1}, "ann"), false},
			{blacklist.OwnerOf("shop", [32]byte{1}, "ann"), false},
		} {
			entry := blacklist.Entry{Subject: test.subject, Second: start.Unix(), Expires: start.Add(time.Hour)}
			want := entry.Second
			if test.raised {
				want = session.AuthTime
			}
			if written := a.revoke(t, entry); written.Second != want {
				t.Errorf("%v hits up to %d, want %d", test.subject.Kind(), written.Second, want)
			}
			entry.Second += 5000
			if written := a.revoke(t, entry); written.Second != entry.Second {
				t.Errorf("%v hits up to %d, want %d", test.subject.Kind(), written.Second, entry.Second)
			}
		}
	})
}

// A gateway that has not heard of a revocation writes no session that it hits.
func TestSessionIsNotWrittenBehindARevocation(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		b := openGateway(t, server.URL(), t.TempDir(), nil) // follows nobody
		session := newSession("one", "ann")
		for _, entry := range []blacklist.Entry{
			revoked("ann", 5), {Subject: blacklist.EndOf("shop", session.Hash), Second: 5, Expires: start.Add(time.Hour)},
		} {
			b.catchUp(t)
			if err := b.Sessions().Put(t.Context(), session, start); err != nil {
				t.Fatalf("Put: %v", err)
			}
			a.revoke(t, entry)
			if err := b.Sessions().Put(t.Context(), session, start); !errors.Is(err, sessions.ErrBehind) {
				t.Errorf("Put behind an entry for a %v: %v", entry.Subject.Kind(), err)
			}
			a.catchUp(t)
			if err := a.Sessions().Put(t.Context(), session, start); err != nil {
				t.Errorf("Put by the gateway that has written the entry for a %v: %v", entry.Subject.Kind(), err)
			}
			b.catchUp(t)
			if err := b.Sessions().Put(t.Context(), session, start); err != nil {
				t.Errorf("Put after CatchUp: %v", err)
			}
		}
	})
}

func TestServerDropsWhatIsOver(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a := startGateway(t, server.URL(), t.TempDir(), nil)
		a.waitLinked(t, true)
		held, over := revoked("ann", 5), revoked("bob", 5)
		over.Expires = start.Add(-2 * time.Hour)
		lately := revoked("cid", 5)
		lately.Expires = start.Add(-30 * time.Minute) // by a clock that is late it holds
		for _, entry := range []blacklist.Entry{held, over, lately} {
			a.revoke(t, entry)
		}
		server.Do("HSET", "{test}:lifted", "old", "1-1 5")
		server.Do("ZADD", "{test}:expiries", "5", "\x00old")
		server.Do("HSET", "{test}:gateways", "gone", `5 {"host":"gone"}`)
		if err := a.replica.beacon().beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		for subject, want := range map[blacklist.Subject]string{held.Subject: "1", over.Subject: "0", lately.Subject: "1"} {
			if got := server.Do("HEXISTS", "{test}:live", string(subject.Bytes())); got != want {
				t.Errorf("the server has %s entries of %v, want %s", got, subject, want)
			}
		}
		if server.Do("HEXISTS", "{test}:lifted", "old") != "0" || server.Do("HEXISTS", "{test}:gateways", "gone") != "0" {
			t.Error("the server keeps a lift or a gateway that is over")
		}
		if got := server.Do("ZCARD", "{test}:expiries"); got != "2" {
			t.Errorf("the server has %s times of expiry, want 2", got)
		}
	})
}

func TestJournalOnCluster(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		cluster := engine.StartCluster(t, 3)
		url := cluster[0].URL() + "?addr=" + cluster[1].Address()
		for i, replicas := range []int{0, 1} { // a write that waits uses a connection of its own
			prefix := func(s *settings) { s.prefix = fmt.Sprint("cluster ", i) }
			a, b := startGateway(t, url, t.TempDir(), prefix), startGateway(t, url, t.TempDir(), prefix)
			a.waitLinked(t, true)
			b.waitLinked(t, true)
			entry := a.revoke(t, revoked("ann", 5))
			b.waitFor(t, entry)
			b.catchUp(t)
			b.lift(t, entry.Subject)
			a.waitGone(t, entry.Subject)
			a.replica.replicas = replicas
			if _, err := a.shared().Write(t.Context(), entry); replicas > 0 != errors.Is(err, errReplicas) {
				t.Errorf("Write that waits for %d replicas: %v", replicas, err)
			}
		}
	})
}

// The server may forget all scripts at any time.
func TestJournalOutlivesItsScripts(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		a, b := startGateway(t, server.URL(), t.TempDir(), nil), startGateway(t, server.URL(), t.TempDir(), nil)
		entry := a.revoke(t, revoked("ann", 5))
		server.Do("SCRIPT", "FLUSH")
		b.waitFor(t, entry)
		b.lift(t, entry.Subject)
		server.Do("SCRIPT", "FLUSH")
		b.waitFor(t, a.revoke(t, revoked("ann", 6)))
	})
}

// BenchmarkPropagation measures the time from before a revocation is written by one gateway until another has it in force.
func BenchmarkPropagation(b *testing.B) {
	for _, engine := range redistest.Engines(b) {
		b.Run(engine.Name, func(b *testing.B) {
			server := engine.Start(b, redistest.Settings{})
			quiet := func(s *settings) { s.logger = zap.NewNop() }
			from, to := startGateway(b, server.URL(), b.TempDir(), quiet), startGateway(b, server.URL(), b.TempDir(), quiet)
			from.waitLinked(b, true)
			to.waitLinked(b, true)
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				to.waitFor(b, from.revoke(b, revoked("ann", int64(i+1))))
				times = append(times, time.Since(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(times[len(times)-1].Microseconds()), "max-µs")
		})
	}
}
