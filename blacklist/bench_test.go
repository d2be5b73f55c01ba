package blacklist_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist/blacklisttest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

const million = 1_000_000

// absent returns subjects that are not in a list of [blacklisttest.Many].
func absent() []blacklist.Subject {
	subjects := make([]blacklist.Subject, 4096)
	for i := range subjects {
		subjects[i] = blacklist.TokenID(fmt.Sprint("absent ", i))
	}
	return subjects
}

// BenchmarkNoAmongMillion asks about many subjects in turn, none of which is there.
func BenchmarkNoAmongMillion(b *testing.B) {
	list, err := blacklist.Open(b.Context(), blacklisttest.Many(million), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	asked := absent()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if list.Contains(asked[i%len(asked)]) {
			b.Fatal("an absent subject is contained")
		}
	}
}

// BenchmarkNoParallel is BenchmarkNoAmongMillion on all processors.
func BenchmarkNoParallel(b *testing.B) {
	list, err := blacklist.Open(b.Context(), blacklisttest.Many(million), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	asked := absent()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(each *testing.PB) {
		for i := 0; each.Next(); i++ {
			if list.Contains(asked[i%len(asked)]) {
				b.Error("an absent subject is contained")
			}
		}
	})
}

// BenchmarkMemory reports the bytes of an entry, by kind, and how long the collector takes to look at all of them.
func BenchmarkMemory(b *testing.B) {
	for name, subject := range map[string]func(i int) blacklist.Subject{
		"token": func(i int) blacklist.Subject { return blacklist.TokenID(fmt.Sprint(i)) },
		"end": func(i int) blacklist.Subject {
			return blacklist.EndOf("shop", blacklist.TokenID(fmt.Sprint(i)).Digest())
		},
		"user": func(i int) blacklist.Subject { return blacklist.RevokedUser("shop", fmt.Sprintf("user%06d", i)) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				list, err := blacklist.Open(b.Context(), of{subject, million, 3600}, time.Now)
				if err != nil {
					b.Fatal(err)
				}
				after := heap()
				start := time.Now()
				runtime.GC()
				b.ReportMetric(float64(time.Since(start).Microseconds()), "µs/collection")
				b.ReportMetric(float64(after-before)/million, "B/entry")
				runtime.KeepAlive(list)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapInuse)
}

// of is a journal of a million entries of the same kind, with a second before the present.
type of struct {
	subject func(i int) blacklist.Subject
	size    int
	ago     int64
}

func (o of) Load(_ context.Context, now time.Time, yield func(blacklist.Entry) error) error {
	for i := range o.size {
		entry := blacklist.Entry{Subject: o.subject(i), Second: now.Unix() - o.ago, Expires: now.Add(time.Hour)}
		if err := yield(entry); err != nil {
			return err
		}
	}
	return nil
}

func (of) Append(context.Context, ...blacklist.Entry) error   { return nil }
func (of) Remove(context.Context, ...blacklist.Subject) error { return nil }

// BenchmarkMillionExpire lets a million entries expire at once. It reports how long a question waits that allocates as a
// request does, and the memory that stays.
func BenchmarkMillionExpire(b *testing.B) {
	for b.Loop() {
		before := heap()
		clock := testclock.At(start)
		list, err := blacklist.Open(b.Context(), blacklisttest.Many(million), clock.Now)
		if err != nil {
			b.Fatal(err)
		}
		asked := absent()
		clock.Advance(25 * time.Hour)
		var swept atomic.Bool
		var took []time.Duration
		var asking sync.WaitGroup
		asking.Go(func() {
			for i := 0; !swept.Load(); i++ {
				began := time.Now()
				buffer = make([]byte, 2048)
				if list.Contains(asked[i%len(asked)]) {
					b.Error("an absent subject is contained")
				}
				took = append(took, time.Since(began))
				for time.Since(began) < 20*time.Microsecond {
					runtime.Gosched()
				}
			}
		})
		began := time.Now()
		if err := list.Sweep(b.Context()); err != nil {
			b.Error(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/sweep")
		swept.Store(true)
		asking.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "µs-longest")
		took = nil
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-left")
		runtime.KeepAlive(list)
	}
}

var buffer []byte
