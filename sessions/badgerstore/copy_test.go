package badgerstore

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

func TestCopyKeepsTheLaterOfTwoChanges(t *testing.T) {
	subject := blacklist.TokenID("one")
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	written := func(at uint64, second int64) storage.Change {
		return storage.Change{Entry: blacklist.Entry{Subject: subject, Second: second, Expires: expires, At: at}}
	}
	lifted := func(at uint64) storage.Change {
		return storage.Change{Entry: blacklist.Entry{Subject: subject, At: at}, Lifted: true}
	}
	for _, test := range []struct {
		name    string
		changes []storage.Change
		second  int64 // 0: no entry
	}{
		{"one entry", []storage.Change{written(5, 9)}, 9},
		{"a later entry takes the place of a stronger one", []storage.Change{written(5, 9), written(6, 3)}, 3},
		{"an earlier entry comes too late", []storage.Change{written(6, 3), written(5, 9)}, 3},
		{"a lift", []storage.Change{written(5, 9), lifted(6)}, 0},
		{"a lift that comes too late", []storage.Change{written(6, 9), lifted(5)}, 9},
		{"an entry after a lift", []storage.Change{written(5, 9), lifted(6), written(7, 2)}, 2},
		{"a lift of nothing", []storage.Change{lifted(6)}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := CopyIn(openTemp(t))
			for _, change := range test.changes {
				if err := store.Put(t.Context(), change); err != nil {
					t.Fatal(err)
				}
			}
			entry, found, err := store.Find(t.Context(), subject)
			if err != nil || found != (test.second != 0) || entry.Second != test.second {
				t.Errorf("Find = %v, %v, %v, want second %d", entry, found, err, test.second)
			}
		})
	}
}
