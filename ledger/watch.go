package ledger

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Watch waits for the end or the revocation of a token or a session. It is made by [Ledger.Watch].
type Watch struct {
	among    *watches
	subjects Subjects
	authTime int64
	over     func()
	fired    sync.Once
}

// Stop ends the watch. Further calls do nothing.
func (w *Watch) Stop() { w.among.remove(w) }

// check calls the function once if it is due.
func (w *Watch) check() {
	if dead, _ := w.among.blacklist.tokenDead(w.subjects, w.authTime); dead {
		w.fired.Do(func() {
			go func() {
				w.Stop()
				w.over()
			}()
		})
	}
}

// maxTold is how many changes are kept until they are looked at. Beyond it, every watch is checked.
const maxTold = 1024

// watches holds all open watches by session. A change of what is in force is only noted in told; [watches.run] looks at it.
type watches struct {
	blacklist *entries
	open      atomic.Int64
	shards    [256]watchShard

	mu   sync.Mutex
	told []blacklist.Subject // what changed since it was last looked at
	wake chan struct{}
}

type watchShard struct {
	mu    sync.Mutex
	byKey map[sessions.Key]map[*Watch]struct{}
}

func newWatches(list *entries) *watches {
	return &watches{blacklist: list, wake: make(chan struct{}, 1)}
}

func (w *watches) shardOf(key sessions.Key) *watchShard { return &w.shards[key.Hash[0]] }

func (w *watches) add(watch *Watch) {
	w.open.Add(1) // before the watch asks what is in force, so that whatever comes into force later sees it
	shard := w.shardOf(watch.subjects.key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.byKey == nil {
		shard.byKey = make(map[sessions.Key]map[*Watch]struct{})
	}
	if shard.byKey[watch.subjects.key] == nil {
		shard.byKey[watch.subjects.key] = make(map[*Watch]struct{})
	}
	shard.byKey[watch.subjects.key][watch] = struct{}{}
}

func (w *watches) remove(watch *Watch) {
	shard := w.shardOf(watch.subjects.key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	same := shard.byKey[watch.subjects.key]
	if _, open := same[watch]; !open {
		return
	}
	delete(same, watch)
	if len(same) == 0 {
		delete(shard.byKey, watch.subjects.key)
	}
	w.open.Add(-1)
}

// tell notes that something came into force, unless no watch is open.
func (w *watches) tell(subject blacklist.Subject) {
	if w.open.Load() == 0 {
		return
	}
	switch subject.Kind() {
	case blacklist.KindWatched, blacklist.KindAdmitted, blacklist.KindOwner, blacklist.KindLifted:
		return // these hit nothing
	default:
	}
	w.mu.Lock()
	if len(w.told) <= maxTold {
		w.told = append(w.told, subject)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it is awake, or will be
	}
}

// take returns the subjects that changed and reports whether these are all.
func (w *watches) take() (told []blacklist.Subject, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told, w.told = w.told, nil
	return told, len(told) <= maxTold
}

// run checks the watches that changes are about, until ctx is done.
func (w *watches) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
			told, all := w.take()
			if !all {
				w.checkAll()
				continue
			}
			for _, subject := range told {
				w.check(subject)
			}
		}
	}
}

// check checks the watches that a change is about.
func (w *watches) check(changed blacklist.Subject) {
	switch changed.Kind() {
	case blacklist.KindEnd, blacklist.KindSession:
		key := sessions.Key{Realm: changed.Realm(), Hash: changed.Digest()}
		shard := w.shardOf(key)
		shard.mu.Lock()
		defer shard.mu.Unlock()
		for watch := range shard.byKey[key] {
			watch.check()
		}
	default:
		w.checkAll()
	}
}

func (w *watches) checkAll() {
	for i := range w.shards {
		shard := &w.shards[i]
		shard.mu.Lock()
		for _, same := range shard.byKey {
			for watch := range same {
				watch.check()
			}
		}
		shard.mu.Unlock()
	}
}
