package app

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// Notes returns the notes of all gateways that share the store, or nil if this gateway has the store alone.
func (g *Core) Notes() storage.Notes {
	if g.Shared == nil {
		return nil
	}
	return g.Shared.Notes()
}

// IsCutOff reports whether the gateway shares a store with others and can't reach it now. It waits for nothing.
func (g *Core) IsCutOff() bool { return g.Shared != nil && !g.Shared.Link().Connected }

// LagOf returns by how much a gateway may be behind the others. It is negative if the gateway was never connected.
func LagOf(link storage.Link, now time.Time) time.Duration {
	if link.Synced.IsZero() {
		return -1
	}
	return max(0, now.Sub(link.Synced))
}

// linkNews tells the operator, and whoever listens to events, that the store which gateways share was lost or is back. It tells one
// after the other, in a goroutine of its own.
type linkNews struct {
	engine, location string

	mutex   sync.Mutex
	pending []storage.Link
	telling bool
	lost    bool // as it was told
	reached bool // ever
}

// reachTime is how long a gateway that starts waits for the store that it shares.
const reachTime = 2 * time.Second

// atStart waits for a store that gateways share, and tells if it is out of reach.
func (n *linkNews) atStart(ctx context.Context, opened *ledger.Ledger) {
	place, isShared := opened.Shared()
	if !isShared {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reachTime)
	defer cancel()
	if err := place.CatchUp(ctx); err == nil {
		return
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if !n.reached {
		n.add(place.Link())
	}
}

// changed is told of the new state. It waits for nothing.
func (n *linkNews) changed(link storage.Link) {
	if link.Connected {
		wakeKeepers()
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.reached = n.reached || link.Connected
	n.add(link)
}

// add has a state told. The mutex is held.
func (n *linkNews) add(link storage.Link) {
	n.pending = append(n.pending, link)
	if !n.telling {
		n.telling = true
		go n.tell()
	}
}

// tell tells what is pending.
func (n *linkNews) tell() {
	for {
		n.mutex.Lock()
		if len(n.pending) == 0 {
			n.telling = false
			n.mutex.Unlock()
			return
		}
		link := n.pending[0]
		n.pending = n.pending[1:]
		isNews := n.lost == link.Connected // a gateway that reaches the store for the first time had not lost it
		n.lost = !link.Connected
		n.mutex.Unlock()
		if isNews {
			n.tellOf(link)
		}
	}
}

func (n *linkNews) tellOf(link storage.Link) {
	logger := caddy.Log().Named("jwt_session") // the store may outlive each configuration
	fields := []zap.Field{zap.String("engine", n.engine), zap.String("location", n.location)}
	event := "store_back"
	if link.Connected {
		logger.Info("the session store, which gateways share, is back", fields...)
	} else {
		event = "store_lost"
		if !link.Synced.IsZero() {
			fields = append(fields, zap.Time("known_until", link.Synced.UTC()))
		}
		logger.Warn("the session store, which gateways share, is out of reach: this gateway goes on with what it knows for as long as "+
			"max_stale says, and makes and renews no token meanwhile", fields...)
	}
	if app := Running(context.Background()); app != nil { // one that starts, too
		app.Emit(event, map[string]any{"engine": n.engine, "location": n.location})
	}
}

// storedFile is told that another gateway has stored a file.
func storedFile(name string) {
	if name == keyring.Path {
		wakeKeepers()
	}
}

// wakeKeepers lets all configurations read the keys at once.
func wakeKeepers() {
	for _, app := range running.all() {
		if open := app.Opened(); open != nil && open.Keeper != nil {
			open.Keeper.Wake()
		}
	}
}

// stalling is implemented by an [Engine] whose place gateways share.
type stalling interface {
	// StaleAfter is how long a gateway answers that has not heard from the others.
	StaleAfter() time.Duration
}
