package ledger

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// negatives holds the sessions that the application lately knew nobody in.
type negatives interface {
	// has reports whether the application lately knew nobody in the session.
	has(ctx context.Context, key sessions.Key, now time.Time) bool
	// remember remembers this for a while from now.
	remember(ctx context.Context, key sessions.Key, now time.Time, life time.Duration)
	// forget drops it, and keeps other gateways from remembering an answer that is on its way to them.
	forget(ctx context.Context, key sessions.Key)
	// forgetSoon is like forget, and waits for nothing.
	forgetSoon(key sessions.Key)
	// forgetAll drops all of a flush that is in force already.
	forgetAll()
}

// ownNegatives are those of a ledger that has its place for itself.
type ownNegatives struct{ remember.Until[sessions.Key] }

func (n ownNegatives) has(_ context.Context, key sessions.Key, now time.Time) bool {
	return n.Has(key, now)
}

func (n ownNegatives) remember(_ context.Context, key sessions.Key, now time.Time, life time.Duration) {
	n.Put(key, now.Add(life))
}

func (n ownNegatives) forget(_ context.Context, key sessions.Key) { n.Drop(key) }
func (n ownNegatives) forgetSoon(key sessions.Key)                { n.Drop(key) }
func (n ownNegatives) forgetAll()                                 { n.Clear() }

const (
	// noteTime bounds how long a note is waited for.
	noteTime = time.Second
	// forgottenTime is how long a session stays forgotten. It covers the answers that are on their way to any gateway.
	forgottenTime = 15 * time.Second

	noteOfNobody  = "nobody "   // with the moment up to which flushes were known
	noteForgotten = "forgotten" // in the place of the former
)

// sharedNegatives are notes of all gateways. While the place can't be reached, nothing is remembered.
type sharedNegatives struct {
	place   storage.Shared
	flushes *blacklist.List
}

func nameOfNegative(key sessions.Key) string {
	return "nobody:" + key.Hash.String() + ":" + key.Realm
}

func (n sharedNegatives) has(ctx context.Context, key sessions.Key, _ time.Time) bool {
	if !n.place.Link().Connected {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	value, found, err := n.place.Notes().Get(ctx, nameOfNegative(key))
	text, isNobody := strings.CutPrefix(value, noteOfNobody)
	if err != nil || !found || !isNobody {
		return false
	}
	known, err := strconv.ParseUint(text, 10, 64)
	return err == nil && known >= n.flushedAt(key.Realm)
}

// flushedAt returns the place of the last flush of the realm that is in force.
func (n sharedNegatives) flushedAt(realm string) uint64 {
	one, _ := n.flushes.Entry(blacklist.FlushedRealm(realm))
	all, _ := n.flushes.Entry(blacklist.FlushedAll())
	return max(one.At, all.At)
}

func (n sharedNegatives) remember(ctx context.Context, key sessions.Key, _ time.Time, life time.Duration) {
	if !n.place.Link().Connected {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	value := noteOfNobody + strconv.FormatUint(n.place.Position(), 10)
	// Nothing is written over "forgotten". If it fails, the application is asked once more.
	_, _ = n.place.Notes().Claim(ctx, nameOfNegative(key), value, life)
}

func (n sharedNegatives) forget(ctx context.Context, key sessions.Key) {
	if !n.place.Link().Connected {
		return // nobody can look it up either, and it lasts for moments
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	_ = n.place.Notes().Put(ctx, nameOfNegative(key), noteForgotten, forgottenTime)
}

func (n sharedNegatives) forgetSoon(key sessions.Key) { go n.forget(context.Background(), key) }

func (sharedNegatives) forgetAll() {} // the notes from before the flush count no more
