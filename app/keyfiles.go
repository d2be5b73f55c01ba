package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// keyFiles keeps the keys of the configuration up to date that are in files, so that no reload is needed where a file alone has
// changed. Keys that can't be read leave those in memory as they are.
type keyFiles struct {
	sources []KeySource
	ring    *validator.KeyRing
	news    *keyNews

	mutex sync.Mutex
	keys  []validator.Key // in the ring; the one that signs first
	last  time.Time       // when an unknown key had the files read
}

const (
	// keyFileInterval is how often the files are read.
	keyFileInterval = 10 * time.Second
	// keyFilePause is how long an unknown key does not have the files read again.
	keyFilePause = time.Second
)

// errNoLongerPublished is the answer to files that take the last public half from those who verify with it. A configuration is
// checked for that when it is loaded.
var errNoLongerPublished = errors.New("the files of key hold secrets alone by now, and held keys with a public half before, with which " +
	"services may verify tokens; load the configuration anew if that is meant: caddy reload --force")

// followKeyFiles returns what keeps the keys up to date, or nil if none of them comes from a file.
func followKeyFiles(sources []KeySource, keys []validator.Key, ring *validator.KeyRing, news *keyNews) *keyFiles {
	if !slices.ContainsFunc(sources, func(one KeySource) bool { return one.File != "" || strings.Contains(one.Secret, "{file.") }) {
		return nil
	}
	return &keyFiles{sources: sources, ring: ring, news: news, keys: keys}
}

// run reads the files until the context ends.
func (f *keyFiles) run(ctx context.Context) {
	ticker := time.NewTicker(keyFileInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.read()
		}
	}
}

// reread reads the files for a token with an unknown key, once a second at most. It reports whether the keys have changed.
func (f *keyFiles) reread() bool {
	f.mutex.Lock()
	now := f.news.clock()
	isEarly := now.Sub(f.last) < keyFilePause && !now.Before(f.last)
	if !isEarly {
		f.last = now
	}
	f.mutex.Unlock()
	return !isEarly && f.read()
}

// read reads the files and reports whether the keys have changed.
func (f *keyFiles) read() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	keys, err := loadKeys(f.sources)
	if err != nil {
		f.news.failed(err)
		return false
	}
	if (keyPlan{configured: f.keys}).publishes() && !(keyPlan{configured: keys}).publishes() {
		f.news.failed(errNoLongerPublished)
		return false
	}
	set, err := validator.NewKeySet(keys...)
	if err != nil {
		f.news.failed(err)
		return false
	}
	current := f.ring.Current()
	if set.IsSame(current) {
		return false
	}
	f.keys = keys
	f.ring.Set(set)
	f.news.reread(keys[0], keys[0].ID() != current.SigningKeyID())
	return true
}

// current returns the keys that count, the one that signs first.
func (f *keyFiles) current() []validator.Key {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.keys
}

// reread tells of a change of the keys in files.
func (n *keyNews) reread(signing validator.Key, isNew bool) {
	n.logger.Info("the keys in files have changed", zap.String("kid", signing.ID()), zap.String("alg", string(signing.Algorithm())))
	if isNew {
		n.events.emit("key_signing", map[string]any{
			"kid": signing.ID(), "alg": string(signing.Algorithm()), "signs_from": n.clock().UTC().Format(time.RFC3339),
		})
	}
}
