package ledger

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// margin is how much longer than the longest token life an end is kept, for clocks that differ and for a token that
	// was being minted when its session ended.
	margin = time.Minute
	// stepTime bounds a step that is finished although its request is over.
	stepTime = 5 * time.Second
)

// Options is what a [Ledger] is opened with. The zero value is fine.
type Options struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Report is called with failures of work that no caller waits for, and by several goroutines; nil drops them. The
	// errors hold no token, cookie, key or session id.
	Report func(error)
}

// Ledger is where sessions are learned, ended and revoked and where minting is permitted. Its methods are safe for
// concurrent use. Errors wrap [sessions.ErrUnavailable] or [blacklist.ErrUnavailable] where the store failed, and name
// no key, hash or user.
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
	signedOut   *signedOut
	refusals    refusals
	recentlySet *recentlySet
	places      *cookie.Places
	revokedAt   *revocationMoments
	givenIDs    *givenIDs
	mintClaims  *mintClaims
	watches     *watches

	stop      context.CancelFunc
	stopped   chan struct{}
	closing   sync.Once
	closeFail error
}

// Open returns the ledger over an open place, with the whole blacklist loaded, and starts its housekeeping. The ledger
// closes the place when it is closed; after an error the place is still open, and the caller's.
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
		signedOut: newSignedOut(), recentlySet: newRecentlySet(), places: cookie.NewPlaces(),
		revokedAt: newRevocationMoments(), givenIDs: newGivenIDs(), mintClaims: newMintClaims(),
		watches: newWatches(),
		stop:    stop, stopped: make(chan struct{}), maxRecords: MaxRecords,
	}
	ledger.KeepRevocations(DefaultRevocationLife)
	list.OnChange(ledger.watches.tell)
	go ledger.keepHouse(background)
	go ledger.keepWatch(background)
	return ledger, nil
}

// Close stops the housekeeping and waits for it, tries once more to make durable what is not, and closes the place.
// Closing again does nothing and returns what the first one did.
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

// Retain says how long the tokens of a configuration live at most, and how long a record of it may be unused. Ends are
// kept as long as tokens live, revocations as long as either, each with a margin, and for the longest ever said: it is
// raised and never lowered. Say it before the first token of such a life is minted.
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
