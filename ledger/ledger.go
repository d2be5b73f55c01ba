package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// Options are the options of a [Ledger]. The zero value is valid.
type Options struct {
	// Now returns the time. If it is nil, [time.Now] is used.
	Now func() time.Time
	// Report is called with each error of work that no caller waits for. Several goroutines may call it at the same time.
	// The errors hold no token, cookie, key or session id. If Report is nil, the errors are dropped.
	Report func(error)
	// LinkChanged is called when the gateway has lost the place that it shares with others, or has reached it again, with the
	// new state. It is nil, or must wait for nothing: what other gateways have written comes into force after it returns.
	LinkChanged func(storage.Link)
	// Stored is called after another gateway has stored the file of this name in [storage.Shared.Files]. It is nil, or must
	// wait for nothing.
	Stored func(name string)
}

// Ledger learns, ends and revokes sessions and permits minting. Its methods are safe for concurrent use. If the store fails,
// their errors wrap [sessions.ErrUnavailable] or [blacklist.ErrUnavailable]. No error names a key, a hash or a user.
type Ledger struct {
	book
	housekeeping

	place     storage.Place
	following sync.WaitGroup // until nobody is told any more of what other gateways write
	places    *cookie.Places
	watches   *watches
	maxStale  atomic.Int64

	closing   sync.Once
	closeFail error
}

// Open returns a ledger over an open place. It loads the whole blacklist and starts the housekeeping. If other gateways share
// the place, Open waits a few seconds at most until it has heard what they wrote. [Ledger.Close] closes the place. After an
// error, the place is still open and the caller closes it.
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
		book: book{
			store: place.Sessions(), now: options.Now, report: options.Report, maxRecords: MaxRecords,
			blacklist: entries{List: list, now: options.Now, revokedAt: newRevocationMoments(new(counter))},
			memories:  newMemories(), company: nobody{}, order: orderAlone{},
		},
		place: place, places: cookie.NewPlaces(),
	}
	ledger.housekeeping = housekeeping{book: &ledger.book, stop: stop, stopped: make(chan struct{}), linked: make(chan struct{}, 1)}
	ledger.watches = newWatches(&ledger.blacklist)
	ledger.KeepRevocations(DefaultRevocationLife)
	ledger.AllowStale(DefaultMaxStale)
	list.OnChange(ledger.watches.tell)
	shared, isShared := ledger.Shared()
	if isShared {
		ledger.share(shared)
	}
	go ledger.housekeeping.run(background)
	go ledger.watches.run(background)
	if isShared {
		told := &follower{
			book: &ledger.book, linkChanged: options.LinkChanged, stored: options.Stored, reached: make(chan struct{}),
			linked: ledger.housekeeping.linked,
		}
		ledger.following.Go(func() { shared.Follow(background, told) })
		told.wait(ctx)
	}
	return ledger, nil
}

// share prepares the ledger for a place that other gateways use as well. It is called before the ledger is used.
func (l *Ledger) share(place storage.Shared) {
	l.company, l.order = others{place}, orderShared{}
	l.blacklist.revokedAt = newRevocationMoments(position{place})
	l.blacklist.revokedAt.load(l.blacklist.List)
	l.signedOut = sharedNegatives{place, l.blacklist.List}
	l.recentlySet = sharedSets{&l.blacklist}
	l.mintTurns = sharedMintTurns{newMintTurns(), place}
}

// Shared returns the place if other gateways share it, and false if this ledger has it alone.
func (l *Ledger) Shared() (storage.Shared, bool) {
	shared, ok := l.place.(storage.Shared)
	return shared, ok
}

// Link returns how the ledger is connected to a place that it shares with others, and false if it has the place alone. It
// waits for nothing.
func (l *Ledger) Link() (storage.Link, bool) {
	shared, ok := l.Shared()
	if !ok {
		return storage.Link{}, false
	}
	return shared.Link(), true
}

// Gateways returns the gateways that share the place, this one included. There are none if the ledger has the place alone.
func (l *Ledger) Gateways(ctx context.Context) ([]storage.Gateway, error) {
	shared, ok := l.Shared()
	if !ok {
		return nil, nil
	}
	gateways, err := shared.Gateways(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing gateways: %w", err)
	}
	return gateways, nil
}

// AllowStale sets for how long what the ledger knows may be relied on without a word from the place that it shares. The last
// call counts. It is [DefaultMaxStale] before the first one, and has no effect if the ledger has the place alone.
func (l *Ledger) AllowStale(age time.Duration) { l.maxStale.Store(int64(age)) }

// MaxStale returns what [Ledger.AllowStale] has set.
func (l *Ledger) MaxStale() time.Duration { return time.Duration(l.maxStale.Load()) }

// IsStale reports whether the ledger has not heard for so long what other gateways revoked that its answers must not be relied
// on. See [Ledger.AllowStale]. It waits for nothing and does not allocate.
func (l *Ledger) IsStale() bool {
	shared, ok := l.Shared()
	return ok && isStale(shared.Link(), time.Duration(l.maxStale.Load()))
}

// Close stops the housekeeping, tries once more to make pending entries durable, and closes the place. Further calls do
// nothing and return what the first one returned.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		l.stop()
		<-l.stopped
		l.following.Wait()
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
	raise(&l.blacklist.longest, int64(tokens))
	raise(&l.blacklist.longestIdle, int64(idle))
}

// KeepRevocations sets how long a revocation is kept, counted from when it was made or last refused somebody. The last call
// counts, also for revocations that are there already. However short the life is, a revocation outlives every token and, as
// far as the ledger has seen, every record that it is about.
func (l *Ledger) KeepRevocations(life time.Duration) {
	l.blacklist.revocationLife.Store(int64(life))
}

// Active returns the session and true, or false if no session is active: there is no record, the record has expired, or the
// session has ended and its record could not be deleted yet. Active returns [ErrRevoked] if the session or its user is
// revoked. Any other error means "could not tell".
//
// The record of a session that was opened through the gateway confirms it: its Confirmed is now.
func (l *Ledger) Active(ctx context.Context, key sessions.Key) (sessions.Session, bool, error) {
	if l.Revoked(key) {
		return sessions.Session{}, false, ErrRevoked
	}
	if !l.company.isCurrent() {
		return sessions.Session{}, false, fmt.Errorf("looking session up: %w: %w", sessions.ErrUnavailable, errCutOff)
	}
	now := l.now()
	found, err := l.find(ctx, key, now)
	if err == nil && l.isRefused(&found) && !l.company.knowsAll() && l.company.catchUp(ctx) == nil {
		found.check(&l.blacklist) // another gateway may have lifted the revocation
	}
	switch {
	case err != nil:
		return sessions.Session{}, false, err
	case l.isRefused(&found):
		l.prolongAgainst(&found)
		return sessions.Session{}, false, ErrRevoked
	case !found.active:
		return sessions.Session{}, false, nil
	}
	if found.Source == sessions.Added {
		found.Confirmed = now
	}
	return found.Session, true, nil
}

// errCutOff is why a record does not count that was found.
var errCutOff = errors.New("this gateway has not heard for a while what others have revoked")

// Revoked reports whether the session is revoked, or whether the user that the application named in it was refused lately.
// Call it before anything else, with every request that brings session cookies. It answers from memory.
func (l *Ledger) Revoked(key sessions.Key) bool {
	if subject := revokedSession(key); l.blacklist.Contains(subject) {
		l.blacklist.prolongSession(key)
		return true
	}
	return l.refusals.Has(key, l.now())
}

// IsUserRevoked reports whether the user is revoked, in the realm or everywhere, whenever he signed in. IsUserRevoked answers
// from memory.
func (l *Ledger) IsUserRevoked(realm, user string) bool {
	subject := blacklist.RevokedUser(realm, user)
	return l.blacklist.Contains(subject) || l.blacklist.Contains(subject.Everywhere())
}

// RevokesIn reports whether a revocation of a session or a user is in force in the realm. While one is, a session that the
// gateway has not decided about may be the revoked one under another spelling of its id. RevokesIn answers from memory and
// does not allocate.
func (l *Ledger) RevokesIn(realm string) bool { return l.blacklist.RevokesIn(realm) }

// WasSetSince reports whether [Ledger.SawSet] saw the application set the session's id after the last revocation of a
// session or user in its realm. Then the session is not a revoked one. If other gateways share the place, and none of them is
// known to have seen it either, WasSetSince asks the place once more.
func (l *Ledger) WasSetSince(ctx context.Context, key sessions.Key) bool {
	wasSet := func() bool { return l.recentlySet.since(key, l.blacklist.revokedAt.inRealm(key.Realm)) }
	return wasSet() || !l.company.knowsAll() && l.company.catchUp(ctx) == nil && wasSet()
}

// IsNobody reports whether the application lately knew nobody in the session and need not be asked again.
func (l *Ledger) IsNobody(ctx context.Context, key sessions.Key) bool {
	return l.signedOut.has(ctx, key, l.now())
}

// TokenDead reports whether a verified token is dead, and returns why. authTime is its auth_time in seconds since 1970.
// TokenDead answers from memory and does not allocate.
func (l *Ledger) TokenDead(subjects Subjects, authTime int64) (bool, Cause) {
	return l.blacklist.tokenDead(subjects, authTime)
}

// IsDead is [Ledger.TokenDead] for a token that may be asked about many times. It asks again only where something has come into
// force since that may be about the token. IsDead does not allocate.
func (l *Ledger) IsDead(token *Token) (bool, Cause) {
	alive := token.alive.Load() // before the present generation
	generation := l.blacklist.Generation(token.parts)
	if alive == generation {
		return false, 0
	}
	dead, cause := l.blacklist.tokenDead(token.subjects, token.authTime)
	if !dead {
		token.alive.Store(generation)
	}
	return dead, cause
}

// AccessDead reports whether an access token of an identity provider is revoked, by itself or with its user, or was flushed.
// The jti may be empty. since is when its user signed in, in seconds since 1970: a revocation does not hit users who signed
// in after it. AccessDead answers from memory.
func (l *Ledger) AccessDead(realm, user, jti string, since int64) bool {
	return jti != "" && l.blacklist.Contains(blacklist.TokenID(jti)) ||
		l.blacklist.isUserRevoked(blacklist.RevokedUser(realm, user), since) || l.blacklist.isFlushed(realm, since)
}

// AuthTimeAfterEnd returns the first auth_time that the end of the session does not hit, in seconds since 1970. It returns 0
// if the session has not ended.
func (l *Ledger) AuthTimeAfterEnd(key sessions.Key) int64 {
	if second, ended := l.blacklist.Second(endOf(key)); ended {
		return second + 1
	}
	return 0
}

// Watch calls a function once, in a goroutine of its own, as soon as [Ledger.TokenDead] is true of the subjects. It does so
// right away if it is true already. After the call, the watch is over. Stop it when nobody needs to know any more. The
// function may still be called, or be running, when [Watch.Stop] has returned.
//
// A watch is for an exchange that lasts. It makes the end of its own session a little dearer, and that of others not at all.
// An entry about a user, a realm or a single token is checked against every watch.
func (l *Ledger) Watch(subjects Subjects, authTime int64, over func()) *Watch {
	watch := &Watch{among: l.watches, subjects: subjects, authTime: authTime, over: over}
	l.watches.add(watch)
	// An entry from before the watch was added was not told and is seen here. All later ones are told.
	watch.check()
	return watch
}

// Watching returns the number of open watches.
func (l *Ledger) Watching() int { return int(l.watches.open.Load()) }

// Moment returns the present moment. Take it before a request is decided, for [Ledger.SawSet]. It waits for nothing.
func (l *Ledger) Moment() Moment { return l.blacklist.revokedAt.clock.now() }

// Places returns the memory of where the values of session cookies were seen set. It is lost with a restart.
func (l *Ledger) Places() *cookie.Places { return l.places }

// List returns one page of the realm's active sessions, in the order of their hashes. A page may hold fewer sessions than its
// limit although there are more.
func (l *Ledger) List(ctx context.Context, query sessions.Query) (sessions.Page, error) {
	for {
		page, err := l.store.List(ctx, query, l.now())
		if err != nil {
			return sessions.Page{}, fmt.Errorf("listing sessions: %w", err)
		}
		if len(page.Sessions) == 0 {
			return page, nil
		}
		query.After = page.Sessions[len(page.Sessions)-1].Hash
		page.Sessions = slices.DeleteFunc(page.Sessions, func(s sessions.Session) bool { return !l.isActive(s) })
		if len(page.Sessions) > 0 || !page.More {
			return page, nil
		}
	}
}

// Revocations returns a page of the revocations and flushes that are in force, and the cursor of the next page. The cursor of
// the first page is empty, and so is the one that is returned with the last page. The limit is 1 or more. Revocations answers
// from memory.
func (l *Ledger) Revocations(limit int, after string) (page []Revocation, next string, err error) {
	return pageOf(l.blacklist.List, limit, after)
}

// Count returns all counts. It waits for every session that is being changed. After an error, all counts but Sessions are
// right.
func (l *Ledger) Count(ctx context.Context) (Counts, error) {
	counts, err := stock(ctx, &l.book)
	for i := range l.stripes {
		counts.add(&l.stripes[i])
	}
	return counts, err
}

// Stock returns the counts that [Ledger.Count] returns, except that Undeleted and Questions are 0. It waits for the store
// alone. After an error, all counts but Sessions are right.
func (l *Ledger) Stock(ctx context.Context) (Counts, error) { return stock(ctx, &l.book) }

// ErrNoBackup is returned by [Ledger.Backup] if the engine can't back up its store.
var ErrNoBackup = errors.New("this store is backed up with its own tools")

// Backup writes all that the store holds, as [storage.Backuper] does. After an error, what was written is no
// backup. It returns [ErrNoBackup] if the store is no [storage.Backuper].
func (l *Ledger) Backup(ctx context.Context, to io.Writer) error {
	engine, able := l.place.(storage.Backuper)
	if !able {
		return ErrNoBackup
	}
	if err := engine.Backup(ctx, to); err != nil {
		return fmt.Errorf("backing up the session store: %w", err)
	}
	return nil
}
