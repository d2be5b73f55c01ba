package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// The oldest versions that have all commands that scripts use.
const (
	oldestRedis  = "7.0"
	oldestValkey = "7.2"
)

// tooOldError says that the server lacks what the gateway needs.
type tooOldError struct{ name, version, oldest string }

func (e *tooOldError) Error() string {
	return fmt.Sprintf("the server is %s %s, which is too old: the gateway needs %s or later", e.name, e.version, e.oldest)
}

// serverInfo is what a server tells of itself (INFO), by name.
type serverInfo map[string]string

func parseInfo(text string) serverInfo {
	info := make(serverInfo)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			info[name] = value
		}
	}
	return info
}

// checkVersion returns an error if the server is too old. One that does not tell its version is not.
func (i serverInfo) checkVersion() error {
	name, version, oldest := "Redis", i["redis_version"], oldestRedis
	if i["valkey_version"] != "" {
		name, version, oldest = "Valkey", i["valkey_version"], oldestValkey
	}
	if version == "" || !isOlder(version, oldest) {
		return nil
	}
	return &tooOldError{name, version, oldest}
}

// isOlder compares the first two numbers of versions.
func isOlder(version, oldest string) bool {
	for range 2 {
		var first, second string
		first, version, _ = strings.Cut(version, ".")
		second, oldest, _ = strings.Cut(oldest, ".")
		have, err := strconv.Atoi(first)
		want, _ := strconv.Atoi(second)
		if err != nil {
			return false // it is no version that we know of
		}
		if order := cmp.Compare(have, want); order != 0 {
			return order < 0
		}
	}
	return false
}

// warnings returns what is wrong with how the server runs. appendfsync is its setting of that name, or "" if it does not tell.
func (i serverInfo) warnings(appendfsync string) []string {
	var found []string
	if policy := i["maxmemory_policy"]; policy != "" && policy != "noeviction" && i["maxmemory"] != "0" {
		found = append(found, "the server removes keys when its memory is full, and revocations with them: set its maxmemory-policy, which is "+
			policy+", to noeviction")
	}
	switch {
	case i["aof_enabled"] == "0":
		found = append(found, "the server may lose what was written last when it restarts, as its appendonly is no: set it to yes, and "+
			"appendfsync to everysec or always")
	case appendfsync == "no":
		found = append(found, "the server may lose what was written in the last half minute when its machine fails, as its appendfsync is no: "+
			"set it to everysec or always")
	}
	if i["role"] == "slave" {
		found = append(found, "the server is a replica, which takes no writes: name its master in the URL, or the sentinels with master_set")
	}
	return found
}

// inspect asks the server how it runs. What it may not be asked is left out.
func inspect(ctx context.Context, server rueidis.Client, keys keys) (info serverInfo, appendfsync string, err error) {
	err = server.Dedicated(func(one rueidis.DedicatedClient) error {
		// The first command leads to the node of a cluster that has our keys.
		if err := one.Do(ctx, one.B().Exists().Key(keys.epoch()).Build()).NonRedisError(); err != nil {
			return err
		}
		text, err := one.Do(ctx, one.B().Info().Section("server", "memory", "persistence", "replication").Build()).ToString()
		if err != nil {
			return err
		}
		info = parseInfo(text)
		settings, err := one.Do(ctx, one.B().ConfigGet().Parameter("appendfsync").Build()).AsStrMap()
		if err == nil {
			appendfsync = settings["appendfsync"]
		}
		return nil
	})
	return info, appendfsync, err
}

// sayAgain is how long the log stays silent about what it was told.
const sayAgain = time.Hour

// observer tells the log what is wrong with the server: each thing once, and again after an hour. Its methods are safe for
// concurrent use.
type observer struct {
	logger *zap.Logger
	mu     sync.Mutex
	said   map[string]time.Time
}

// newObserver returns an observer whose lines name the store by its URL.
func newObserver(logger *zap.Logger, location string) *observer {
	return &observer{logger: logger.With(zap.String("store", location)), said: make(map[string]time.Time)}
}

// fails tells the log why the server can't be used.
func (o *observer) fails(err error) {
	why := reason(err)
	if _, refused := errors.AsType[*refusal](why); !refused && !isMisconfigured(why) {
		return // the network, of which the follower tells
	}
	if o.isNews(why.Error()) {
		o.logger.Error("store redis: " + why.Error())
	}
}

// warns tells the log what is wrong with how the server runs.
func (o *observer) warns(warnings []string) {
	for _, warning := range warnings {
		if o.isNews(warning) {
			o.logger.Warn("store redis: " + warning)
		}
	}
}

func (o *observer) isNews(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if last, said := o.said[text]; said && now.Sub(last) < sayAgain {
		return false
	}
	o.said[text] = now
	return true
}
