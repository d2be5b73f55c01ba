package redisstore

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

const (
	// saveBatch is how many changes are saved at once.
	saveBatch = 1024
	// saveAgain is the pause after the disk has failed.
	saveAgain = time.Second
)

// localCopy is what this gateway knows of the journal, on its own disk.
type localCopy struct {
	db     *badgerstore.DB
	copy   badgerstore.Copy
	logger *zap.Logger

	// order is held exclusively while lifts are saved, and shared while entries are: so that an entry that was lifted is not
	// saved after its lift.
	order sync.RWMutex
	// lifts holds what was lifted, until the lift is not to be remembered any more.
	lifts map[blacklist.Subject]blacklist.Entry

	mu      sync.Mutex
	unsaved []change // what others have written, in the order of the log
	wake    chan struct{}
	stop    context.CancelFunc
	stopped chan struct{}
}

// openCopy opens the copy in a directory of its own, which it may create.
func openCopy(dir string, logger *zap.Logger) (*localCopy, error) {
	db, err := badgerstore.Open(filepath.Join(dir, "copy"), logger)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &localCopy{
		db: db, copy: badgerstore.CopyIn(db), logger: logger, lifts: make(map[blacklist.Subject]blacklist.Entry),
		wake: make(chan struct{}, 1), stop: stop, stopped: make(chan struct{}),
	}
	go c.run(ctx)
	return c, nil
}

// close saves what is left and closes the copy.
func (c *localCopy) close() error {
	c.stop()
	<-c.stopped
	ctx, cancel := context.WithTimeout(context.Background(), saveAgain)
	defer cancel()
	err := c.flush(ctx)
	return errors.Join(err, c.db.Close())
}

// save makes the changes durable. An earlier change never takes the place of a later one.
func (c *localCopy) save(ctx context.Context, changes ...change) error {
	if len(changes) == 0 {
		return nil
	}
	if slices.ContainsFunc(changes, func(changed change) bool { return changed.lift }) {
		c.order.Lock()
		defer c.order.Unlock()
		for _, changed := range changes {
			if changed.lift {
				c.remember(changed.entry)
			}
		}
	} else {
		c.order.RLock()
		defer c.order.RUnlock()
	}
	kept := make([]storage.Change, 0, len(changes))
	for _, changed := range changes {
		if changed.lift || c.lifts[changed.entry.Subject].At <= changed.entry.At {
			kept = append(kept, changed.copied())
		}
	}
	return c.copy.Put(ctx, kept...)
}

// remember keeps a lift. It is called with order held exclusively.
func (c *localCopy) remember(lift blacklist.Entry) {
	if old, found := c.lifts[lift.Subject]; found {
		lift = lift.Merged(old)
	}
	c.lifts[lift.Subject] = lift
}

// wasLifted reports whether the entry was taken back after it was written.
func (c *localCopy) wasLifted(entry blacklist.Entry) bool {
	c.order.RLock()
	defer c.order.RUnlock()
	return c.lifts[entry.Subject].At > entry.At
}

// rememberedLifts returns the lifts that are remembered at the given time, and forgets the others.
func (c *localCopy) rememberedLifts(now time.Time) []blacklist.Entry {
	c.order.Lock()
	defer c.order.Unlock()
	var all []blacklist.Entry
	for subject, lift := range c.lifts {
		if lift.Expired(now) {
			delete(c.lifts, subject)
			continue
		}
		all = append(all, lift)
	}
	return all
}

// keep saves what others have written a moment later.
func (c *localCopy) keep(changes []change) {
	c.mu.Lock()
	c.unsaved = append(c.unsaved, changes...)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// saved reports whether nothing is left to be saved.
func (c *localCopy) saved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.unsaved) == 0
}

// run saves what others have written until ctx is done. It tries again after the disk has failed.
func (c *localCopy) run(ctx context.Context) {
	defer close(c.stopped)
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-c.wake:
		case <-again.C:
		case <-ctx.Done():
			return
		}
		if err := c.flush(ctx); err != nil && ctx.Err() == nil {
			c.logger.Warn("what other gateways have revoked is in force, but can't be written to this gateway's own copy: after "+
				"a restart without the server it would not be known", zap.Error(err))
			again.Reset(saveAgain)
		}
	}
}

// flush saves what others have written. It is called by one goroutine at a time.
func (c *localCopy) flush(ctx context.Context) error {
	for {
		c.mu.Lock()
		batch := c.unsaved[:min(len(c.unsaved), saveBatch)]
		c.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if err := c.save(ctx, batch...); err != nil {
			return err
		}
		c.mu.Lock()
		if c.unsaved = c.unsaved[len(batch):]; len(c.unsaved) == 0 {
			c.unsaved = nil // so that the room is given back
		}
		c.mu.Unlock()
	}
}

// entries returns all entries that have not expired, including those that are still to be saved.
func (c *localCopy) entries(ctx context.Context, now time.Time) (map[blacklist.Subject]blacklist.Entry, error) {
	c.mu.Lock()
	unsaved := slices.Clone(c.unsaved)
	c.mu.Unlock()
	all := make(map[blacklist.Subject]blacklist.Entry)
	err := c.copy.Load(ctx, now, func(entry blacklist.Entry) error {
		all[entry.Subject] = entry
		return nil
	})
	for _, changed := range unsaved {
		subject := changed.entry.Subject
		if old, found := all[subject]; found && old.At > changed.entry.At {
			continue
		}
		if changed.lift || changed.entry.Expired(now) {
			delete(all, subject)
		} else {
			all[subject] = changed.entry
		}
	}
	return all, err
}
