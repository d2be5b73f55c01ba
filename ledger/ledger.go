package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// margin is how much longer than the longest token life an end is kept. It allows for clocks that differ and for a
	// token that was being minted when its session ended.
	margin = time.Minute
	// stepTime bounds a step that is finished although its request is over.
	stepTime = 5 * time.Second
)

// Options are the options of a [Ledger]. The zero value is valid.
type Options struct {
	// Now returns the time. If it is nil, [time.Now] is used.
	Now func() time.Time
	// Report is called with each error of work that no caller waits for. Several goroutines may call it at the same time.
	// The errors hold no token, cookie, key or session id. If Report is nil, the errors are dropped.
	Report func(error)
}

// Ledger learns, ends and revokes sessions and permits minting. Its methods are safe for concurrent use. If the store fails,
// their errors wrap [sessions.ErrUnavailable] or [blacklist.ErrUnavailable]. No error names a key, a hash or a user.
type Ledger struct {
	place     storage.Place
	store     sessions.Store
	blacklist *blacklist.List
	now       func() time.Time
	report    func(error)

	longest        atomic.Int64 // longest token life in nanoseconds
	longestIdle    atomic.Int64 // longest idle time of a record, likewise
	revocationLife atomic.Int64 // likewise
	maxRecords     int          // of a user in a realm
	latest         atomic.Int64 // the latest second at which a session began, by the clock

	stripes     [256]stripe
	users       users
	signedOut   remember.Until[sessions.Key]
	refusals    remember.Until[sessions.Key]
	recentlySet recentlySet
	places      *cookie.Places
	revokedAt   *revocationMoments
	givenIDs    *remember.Memory[sessions.Key, givenID]
	mintClaims  *remember.Memory[sessions.Key, *mintClaim]
	watches     *watches

	stop      context.CancelFunc
	stopped   chan struct{}
	closing   sync.Once
	closeFail error
}

// Open returns a ledger over an open place. It loads the whole blacklist and starts the housekeeping. [Ledger.Close] closes
// the place. After an error, the place is still open and the caller closes it.
func Open(ctx context.Context, place storage.Place, options Options) (*Ledger, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Report == nil {
		options.Report = func(error) {}
	}
	list, err := blacklist.Open(ctx, place.Journal(), options.Now)
	if err != nil {
		return nil, fmt.Errorf("opening ledger: %w", err)
	}
	background, stop := context.WithCancel(context.Background())
	ledger := &Ledger{
		place: place, store: place.Sessions(), blacklist: list,
		now: options.Now, report: options.Report,
		signedOut:   remember.NewUntil[sessions.Key](maxSignedOut),
		refusals:    remember.NewShardedUntil[sessions.Key](maxRefusals), // every request asks
		recentlySet: recentlySet{remember.New[sessions.Key, Moment](maxRecentlySet)},
		givenIDs:    remember.New[sessions.Key, givenID](maxGivenIDs),
		mintClaims:  remember.New[sessions.Key, *mintClaim](maxMintClaims),
		places:      cookie.NewPlaces(), revokedAt: newRevocationMoments(), watches: newWatches(),
		stop: stop, stopped: make(chan struct{}), maxRecords: MaxRecords,
	}
	ledger.KeepRevocations(DefaultRevocationLife)
	list.OnChange(ledger.watches.tell)
	go ledger.keepHouse(background)
	go ledger.keepWatch(background)
	return ledger, nil
}

// Close stops the housekeeping, tries once more to make pending entries durable, and closes the place. Further calls do
// nothing and return what the first one returned.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		l.stop()
		<-l.stopped
		ctx, cancel := context.WithTimeout(context.Background(), stepTime)
		defer cancel()
		l.retry(ctx)
		l.closeFail = l.place.Close()
	})
	return l.closeFail
}

// Retain sets how long tokens live at most and how long a record may be unused. Both values are raised and never lowered.
// Ends are kept as long as tokens live, and revocations as long as tokens and records do, each with a margin. Call Retain
// before the first token of such a life is minted.
func (l *Ledger) Retain(tokens, idle time.Duration) {
	raise(&l.longest, int64(tokens))
	raise(&l.longestIdle, int64(idle))
}

// raise sets the value unless it is that high already.
func raise(value *atomic.Int64, least int64) {
	for {
		current := value.Load()
		if least <= current || value.CompareAndSwap(current, least) {
			return
		}
	}
}

// detached returns a context for a step that is finished although the visitor has left.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), stepTime)
}

func endOf(key sessions.Key) blacklist.Subject { return blacklist.EndOf(key.Realm, key.Hash) }
