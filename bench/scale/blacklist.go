package scale

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/seed"
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

// BlacklistRole is the role of the child that measures a blacklist.
const BlacklistRole = "blacklist"

// revokedFor is how long the revocations are in force, by the clock that the measurement sets on.
const revokedFor = 24 * time.Hour

// blacklistSpec is what the child measures.
type blacklistSpec struct {
	Dir     string
	Revoked int
}

// blacklistFound is what the child has measured.
type blacklistFound struct {
	// Bytes is what a revocation takes in memory.
	Bytes float64
	// No is how long a "no" takes, and Question all that is asked for one token.
	No, Question time.Duration
	// Stall is the longest that a request took while all expired, and StallP99 the 99th percentile of the worst second. CPU is
	// what that took the process, and Left how many bytes stayed.
	Stall, StallP99, CPU time.Duration
	Left                 int64
}

// MeasureBlacklist is the role.
func MeasureBlacklist(spec blacklistSpec) (found blacklistFound, err error) {
	ctx := context.Background()
	b, err := openBlacklist(ctx, spec)
	if err != nil {
		return found, err
	}
	err = b.expire(ctx)
	return b.found, errors.Join(err, b.close())
}

// filled is a ledger with many revocations, and what was measured of it.
type filled struct {
	*ledger.Ledger

	found    blacklistFound
	ahead    atomic.Int64 // of the clock
	subjects []ledger.Subjects
	empty    int64 // the heap without revocations
}

// openBlacklist fills a store, opens it, and measures answers.
func openBlacklist(ctx context.Context, spec blacklistSpec) (*filled, error) {
	now := time.Now()
	if err := seed.Revoke(ctx, spec.Dir, seed.Mixed(spec.Revoked, now, now.Add(revokedFor))); err != nil {
		return nil, err
	}
	db, err := badgerstore.Open(spec.Dir, zap.NewNop())
	if err != nil {
		return nil, err
	}
	b := &filled{empty: heap()}
	if err := b.measureList(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b.Ledger, err = ledger.Open(ctx, db, ledger.Options{Now: func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := b.measureQuestion(now.Unix()); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *filled) close() error { return b.Ledger.Close() }

// measureList measures the list alone, which is garbage afterwards.
func (b *filled) measureList(ctx context.Context, db *badgerstore.DB) error {
	list, err := blacklist.Open(ctx, db.Journal(), time.Now)
	if err != nil {
		return err
	}
	b.found.Bytes = float64(heap()-b.empty) / float64(list.Len())
	asked := make([]blacklist.Subject, len(absent))
	for i, id := range absent {
		asked[i] = blacklist.TokenID(id) // a request makes it once for each token
	}
	hit := false
	b.found.No, err = each(func(i int) { hit = list.Contains(asked[i%len(asked)]) || hit })
	if err == nil && hit {
		err = errors.New("a token that nobody has revoked is in the list")
	}
	runtime.KeepAlive(list)
	return err
}

func (b *filled) measureQuestion(authTime int64) error {
	b.subjects = make([]ledger.Subjects, len(absent))
	for i := range b.subjects {
		b.subjects[i] = ledger.SubjectsOf(absent[i], keyOf(application.Session(i)), application.User(i))
	}
	dead := false
	var err error
	b.found.Question, err = each(func(i int) {
		is, _ := b.TokenDead(b.subjects[i%len(b.subjects)], authTime)
		dead = dead || is
	})
	if err == nil && dead {
		err = errors.New("a token that nobody has revoked is dead")
	}
	return err
}

// expire lets all revocations expire, and waits until they are gone. Meanwhile requests come.
func (b *filled) expire(ctx context.Context) error {
	asked := keyOf("asked about")
	if _, err := b.Add(ctx, asked, ledger.Identity{User: "ann"}, lives); err != nil {
		return err
	}
	requests := watch(false, func() error {
		b.TokenDead(b.subjects[0], time.Now().Unix())
		_, _, err := b.Active(ctx, asked)
		return err
	})
	began, err := process.CPU()
	if err != nil {
		return err
	}
	b.ahead.Store(int64(revokedFor + 2*time.Hour))
	err = b.waitUntilGone(ctx)
	waits, watchErr := requests.stop()
	ended, cpuErr := process.CPU()
	b.found.Stall, b.found.StallP99, b.found.CPU = waits.longest(), waits.worst(), ended-began
	b.found.Left = heap() - b.empty
	return errors.Join(err, watchErr, cpuErr)
}

// waitUntilGone waits until the housekeeping has dropped all revocations. It comes once a minute.
func (b *filled) waitUntilGone(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); <-ticker.C {
		if stock, err := b.Stock(ctx); err != nil || stock.Entries == 0 {
			return err
		}
	}
	return errors.New("revocations are still there, long after they have expired")
}

// lives are the lives of sessions that nothing here outlasts.
var lives = ledger.Lifetimes{Idle: 1000 * time.Hour, MaxAge: 1000 * time.Hour}

func keyOf(session string) sessions.Key {
	return sessions.Key{Realm: seed.Realm, Hash: sessions.HashOf(session)}
}

// absent are the ids of tokens that nobody has revoked.
var absent = func() []string {
	ids := make([]string, 4096)
	for i := range ids {
		ids[i] = fmt.Sprintf("absent-%015d", i)
	}
	return ids
}()

// heap returns how many bytes are in use after the garbage is gone.
func heap() int64 {
	for range 2 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// each returns how long something takes a processor: the median of several rounds.
func each(do func(i int)) (time.Duration, error) {
	const times = 200_000
	var rounds []time.Duration
	for range 9 {
		began, err := process.CPU()
		if err != nil {
			return 0, err
		}
		for i := range times {
			do(i)
		}
		ended, err := process.CPU()
		if err != nil {
			return 0, err
		}
		rounds = append(rounds, (ended-began)/times)
	}
	return report.Median(rounds), nil
}
