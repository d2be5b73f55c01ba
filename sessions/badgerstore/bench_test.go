package badgerstore

import (
	"fmt"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// benched returns a store whose sessions are in tables, as they are after a while, and the sessions.
func benched(b *testing.B) (*DB, []sessions.Session) {
	b.Helper()
	dir := b.TempDir()
	db := mustOpen(b, dir, zap.NewNop(), production())
	all := make([]sessions.Session, 10_000)
	for i := range all {
		all[i] = newSession(fmt.Sprint("session", i), fmt.Sprint("user", i/3))
		mustPut(b, db, all[i])
	}
	mustClose(b, db)
	db = mustOpen(b, dir, zap.NewNop(), production())
	b.ReportAllocs()
	return db, all
}

func BenchmarkGetHit(b *testing.B) {
	db, all := benched(b)
	for i := 0; b.Loop(); i++ {
		if _, found, err := db.Sessions().Get(b.Context(), all[i%len(all)].Key, start); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkGetHitWithAttributes(b *testing.B) {
	db, all := benched(b)
	one := all[0]
	one.Attributes = sessions.Attributes{"name": sessions.Text("Ann"), "groups": sessions.List("admin", "staff", "all")}
	mustPut(b, db, one)
	for b.Loop() {
		if _, found, err := db.Sessions().Get(b.Context(), one.Key, start); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkGetMiss(b *testing.B) {
	db, _ := benched(b)
	keys := make([]sessions.Key, 1000)
	for i := range keys {
		keys[i] = newSession(fmt.Sprint("absent", i), "").Key
	}
	for i := 0; b.Loop(); i++ {
		if _, found, err := db.Sessions().Get(b.Context(), keys[i%len(keys)], start); found || err != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	db, all := benched(b)
	for i := 0; b.Loop(); i++ {
		if err := db.Sessions().Put(b.Context(), all[i%len(all)], start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	db, all := benched(b)
	for i := 0; b.Loop(); i++ {
		if done, err := db.Sessions().Update(b.Context(), all[i%len(all)], start); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}

func BenchmarkListUser(b *testing.B) {
	db, all := benched(b)
	for i := 0; b.Loop(); i++ {
		page, err := db.Sessions().List(b.Context(),
			sessions.Query{Realm: "shop", User: all[i%len(all)].User, Limit: 10}, start)
		if err != nil || len(page.Sessions) == 0 {
			b.Fatal(page, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	db, _ := benched(b)
	for i := 0; b.Loop(); i++ {
		if err := db.Journal().Append(b.Context(), revocation(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendParallel shows what sharing a sync gains.
func BenchmarkAppendParallel(b *testing.B) {
	db, _ := benched(b)
	b.SetParallelism(32)
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			if err := db.Journal().Append(b.Context(), revocation("one")); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkFreeSpace(b *testing.B) {
	dir := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		if err := checkSpace(freeSpace, dir); err != nil {
			b.Fatal(err)
		}
	}
}

// What every session that is opened costs beside being written: the list of its user's, who has few or as many as he may.
func BenchmarkListOfUser(b *testing.B) {
	for _, records := range []int{1, 3, 100} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			db, all := benched(b)
			query := sessions.Query{Realm: all[0].Realm, User: "bench", Limit: 101}
			for i := range records {
				one := newSession(fmt.Sprint("of one user ", i), query.User)
				mustPut(b, db, one)
			}
			for b.Loop() {
				if page, err := db.Sessions().List(b.Context(), query, start); len(page.Sessions) != records || err != nil {
					b.Fatal(len(page.Sessions), err)
				}
			}
		})
	}
}
