package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// killers returns the subjects that a token of the user, in the session and with the jti, can be dead by.
func killers(jti string, key sessions.Key, user string, authTime int64) map[string]blacklist.Subject {
	return map[string]blacklist.Subject{
		"token":           blacklist.TokenID(jti),
		"end":             endOf(key),
		"session":         revokedSession(key),
		"user":            blacklist.RevokedUser(key.Realm, user),
		"user everywhere": blacklist.RevokedUserEverywhere(user),
		"realm":           blacklist.FlushedRealm(key.Realm),
		"all":             blacklist.FlushedAll(),
		"lineage":         Lineage{user, authTime}.subject(key.Realm),
	}
}

func tokenOf(jti string, key sessions.Key, user string, authTime int64) *Token {
	token := new(Token)
	token.Init(jti, key, user, authTime)
	return token
}

func TestZeroTokenIsDead(t *testing.T) {
	t.Parallel()
	if dead, _ := newFixture(t).IsDead(new(Token)); !dead {
		t.Error("it is alive")
	}
}

// A token that was found alive is dead as soon as whatever kills it is in force, however many ask meanwhile.
func TestTokenThatWasAliveDiesAtOnce(t *testing.T) {
	t.Parallel()
	for name := range killers("", sessions.Key{}, "", 0) {
		for by, enforce := range map[string]func(*blacklist.List, blacklist.Entry){
			"this gateway":    func(l *blacklist.List, e blacklist.Entry) { l.Enforce(e) },
			"another gateway": func(l *blacklist.List, e blacklist.Entry) { l.Adopt(e) },
		} {
			t.Run(name+" by "+by, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				for round := range 10 {
					key := keyOf(fmt.Sprint("session ", round))
					jti, user, authTime := fmt.Sprint("jti ", round), fmt.Sprint("user ", round), start.Unix()+int64(10*round)
					token := tokenOf(jti, key, user, authTime)
					if dead, _ := f.IsDead(token); dead {
						t.Fatal("dead from the beginning")
					}
					var inForce, stop atomic.Bool
					var readers, asking sync.WaitGroup
					asking.Add(1)
					readers.Go(func() {
						for asked := 0; !stop.Load(); asked++ {
							if asked == 1 {
								asking.Done()
							}
							before := inForce.Load()
							if dead, _ := f.IsDead(token); !dead && before {
								t.Error("alive although it was killed before")
								return
							}
						}
					})
					asking.Wait()
					enforce(f.blacklist.List, blacklist.Entry{
						Subject: killers(jti, key, user, authTime)[name], Second: authTime, Expires: start.Add(time.Hour), At: 1,
					})
					inForce.Store(true)
					if dead, _ := f.IsDead(token); !dead {
						t.Error("alive although it was killed")
					}
					stop.Store(true)
					readers.Wait()
				}
			})
		}
	}
}

// Whatever comes into force, is lifted, is prolonged and expires: what is remembered is what would be found out.
func TestIsDeadIsTokenDead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		type one struct {
			token    *Token
			subjects Subjects
			authTime int64
		}
		var tokens []one
		var all []blacklist.Subject
		for i := range 4 {
			key := keyOf(fmt.Sprint("session ", i/2))
			jti, user, authTime := fmt.Sprint("jti ", i), fmt.Sprint("user ", i%3), start.Unix()+int64(i)
			tokens = append(tokens, one{tokenOf(jti, key, user, authTime), SubjectsOf(jti, key, user), authTime})
			for _, name := range []string{"token", "end", "session", "user", "user everywhere", "realm", "all", "lineage"} {
				all = append(all, killers(jti, key, user, authTime)[name])
			}
		}
		entry := func(r *rapid.T) blacklist.Entry {
			return blacklist.Entry{
				Subject: rapid.SampledFrom(all).Draw(r, "subject"), Second: start.Unix() + rapid.Int64Range(-1, 6).Draw(r, "second"),
				Expires: f.clock().Add(time.Duration(rapid.IntRange(-1, 5).Draw(r, "life")) * time.Second), At: rapid.Uint64Range(1, 9).Draw(r, "at"),
			}
		}
		list := f.blacklist.List
		r.Repeat(map[string]func(*rapid.T){
			"enforce": func(r *rapid.T) { list.Enforce(entry(r)) },
			"revoke": func(r *rapid.T) {
				if _, err := list.Revoke(ctx, entry(r)); err != nil {
					r.Fatal(err)
				}
			},
			"adopt":  func(r *rapid.T) { list.Adopt(entry(r)) },
			"extend": func(r *rapid.T) { e := entry(r); list.Extend(e.Subject, e.Expires) },
			"lift": func(r *rapid.T) {
				if _, err := list.Lift(ctx, rapid.SampledFrom(all).Draw(r, "subject")); err != nil {
					r.Fatal(err)
				}
			},
			"adopt lift": func(r *rapid.T) { e := entry(r); list.AdoptLift(e.Subject, e.At) },
			"sweep": func(r *rapid.T) {
				if err := list.Sweep(ctx); err != nil {
					r.Fatal(err)
				}
			},
			"wait": func(*rapid.T) { f.advance(time.Second) },
			"": func(r *rapid.T) {
				for i, one := range tokens {
					want, wantCause := f.TokenDead(one.subjects, one.authTime)
					if got, cause := f.IsDead(one.token); got != want || cause != wantCause {
						r.Fatalf("token %d: dead %v (%v), want %v (%v)", i, got, cause, want, wantCause)
					}
				}
			},
		})
	})
}

// What comes into force between two of the questions about a token is not missed the next time.
func TestTokenThatDiesWhileItIsAskedAbout(t *testing.T) {
	t.Parallel()
	var onClock func()
	f, err := Open(ctx, newMemory(), Options{Now: func() time.Time {
		if onClock != nil {
			onClock()
		}
		return start
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	key := keyOf("session")
	token := tokenOf("jti", key, "ann", start.Unix())
	// The clock is read for the end, after the question about the token's id.
	f.blacklist.Enforce(blacklist.Entry{Subject: endOf(key), Second: start.Unix() - 1, Expires: start.Add(time.Hour)})
	killed := false
	onClock = func() {
		if !killed {
			killed = true
			f.blacklist.Enforce(blacklist.Entry{Subject: blacklist.TokenID("jti"), Expires: start.Add(time.Hour)})
		}
	}
	if dead, _ := f.IsDead(token); dead || !killed {
		t.Fatalf("dead %v, killed %v: the token was to die after the question about its id", dead, killed)
	}
	if dead, _ := f.IsDead(token); !dead {
		t.Error("alive although it was killed")
	}
}

// The lists of one process don't take what another one has found for their own.
func TestTokenOfAnotherList(t *testing.T) {
	t.Parallel()
	first, second := newFixture(t), newFixture(t)
	for _, f := range []*fixture{first, second} { // as much has come into force in both
		f.blacklist.Enforce(blacklist.Entry{Subject: blacklist.TokenID("jti"), Expires: start.Add(time.Hour)})
	}
	if _, err := first.blacklist.Lift(ctx, blacklist.TokenID("jti")); err != nil {
		t.Fatal(err)
	}
	token := tokenOf("jti", keyOf("session"), "ann", start.Unix())
	for range 2 {
		if dead, _ := first.IsDead(token); dead {
			t.Error("dead by the first list")
		}
		if dead, _ := second.IsDead(token); !dead {
			t.Error("alive by the second list")
		}
	}
}
