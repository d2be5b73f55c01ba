package blacklist_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
)

// BenchmarkNoParallel asks about many subjects at a time, none of which is there.
func BenchmarkNoParallel(b *testing.B) {
	list, err := blacklist.Open(b.Context(), blacklisttest.Many(1_000_000), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	absent := make([]blacklist.Subject, 4096)
	for i := range absent {
		absent[i] = blacklist.TokenID(fmt.Sprint("absent ", i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for i := 0; each.Next(); i++ {
			if list.Contains(absent[i%len(absent)]) {
				b.Error("an absent subject is contained")
			}
		}
	})
}
