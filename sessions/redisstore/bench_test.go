package redisstore

import (
	"fmt"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// eachStore runs a part of a benchmark on Badger and on each engine over the loopback interface, with the same sessions.
func eachStore(b *testing.B, run func(b *testing.B, store sessions.Store, all []sessions.Session)) {
	all := make([]sessions.Session, 10_000)
	for i := range all {
		all[i] = newSession(fmt.Sprint("session", i), fmt.Sprint("user", i/3))
	}
	filled := func(b *testing.B, store sessions.Store) {
		for _, one := range all {
			if err := store.Put(b.Context(), one, start); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		b.ResetTimer()
		run(b, store, all)
	}
	b.Run("badger", func(b *testing.B) {
		db, err := badgerstore.Open(b.TempDir(), zap.NewNop())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		filled(b, db.Sessions())
	})
	for _, engine := range redistest.Engines(b) {
		b.Run(engine.Name, func(b *testing.B) {
			filled(b, openOn(b, engine.Start(b, redistest.Settings{})).store)
		})
	}
}

func BenchmarkGetHit(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		for i := 0; b.Loop(); i++ {
			if _, found, err := store.Get(b.Context(), all[i%len(all)].Key, start); !found || err != nil {
				b.Fatal(found, err)
			}
		}
	})
}

// BenchmarkGetHitParallel shows what sending several questions at once gains.
func BenchmarkGetHitParallel(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		b.SetParallelism(16)
		b.RunParallel(func(each *testing.PB) {
			for i := 0; each.Next(); i++ {
				if _, found, err := store.Get(b.Context(), all[i%len(all)].Key, start); !found || err != nil {
					b.Error(found, err)
				}
			}
		})
	})
}

func BenchmarkGetMiss(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, _ []sessions.Session) {
		absent := newSession("absent", "ann").Key
		for b.Loop() {
			if _, found, err := store.Get(b.Context(), absent, start); found || err != nil {
				b.Fatal(found, err)
			}
		}
	})
}

func BenchmarkPut(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		for i := 0; b.Loop(); i++ {
			if err := store.Put(b.Context(), all[i%len(all)], start); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		for i := 0; b.Loop(); i++ {
			if done, err := store.Update(b.Context(), all[i%len(all)], start); !done || err != nil {
				b.Fatal(done, err)
			}
		}
	})
}

func BenchmarkListUser(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		for i := 0; b.Loop(); i++ {
			page, err := store.List(b.Context(), sessions.Query{Realm: "shop", User: all[i%len(all)].User, Limit: 10}, start)
			if err != nil || len(page.Sessions) == 0 {
				b.Fatal(page, err)
			}
		}
	})
}

func BenchmarkListRealm(b *testing.B) {
	eachStore(b, func(b *testing.B, store sessions.Store, all []sessions.Session) {
		for i := 0; b.Loop(); i++ {
			page, err := store.List(b.Context(), sessions.Query{Realm: "shop", Limit: 100, After: all[i%len(all)].Hash}, start)
			if err != nil || len(page.Sessions) == 0 && i == 0 {
				b.Fatal(page, err)
			}
		}
	})
}
