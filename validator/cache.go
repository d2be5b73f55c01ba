package validator

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cacheShards is how many parts a cache has, each with a lock of its own: requests with different tokens seldom meet.
const cacheShards = 64

// Cache remembers tokens whose signature held, by their full text: the ones seen longest ago give way. It is sound only
// behind the gate, which admits one spelling of a token. A nil Cache remembers nothing. Safe for concurrent use.
type Cache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mutex   sync.Mutex
	entries *simplelru.LRU[string, verified]
}

// NewCache makes a cache for about the given number of tokens. It is nil, so remembers nothing, where that is below one.
func NewCache(entries int) *Cache {
	if entries < 1 {
		return nil
	}
	cache := &Cache{seed: maphash.MakeSeed()}
	perShard := (entries + cacheShards - 1) / cacheShards
	for i := range cache.shards {
		// The only error is for a size below one.
		cache.shards[i].entries, _ = simplelru.NewLRU[string, verified](perShard, nil)
	}
	return cache
}

func (c *Cache) shard(text string) *cacheShard {
	return &c.shards[maphash.String(c.seed, text)%cacheShards]
}

func (c *Cache) get(text string) (verified, bool) {
	if c == nil {
		return verified{}, false
	}
	shard := c.shard(text)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	return shard.entries.Get(text)
}

func (c *Cache) put(text string, token verified) {
	if c == nil {
		return
	}
	shard := c.shard(text)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	// The text is a part of the request's header, which it would keep in memory.
	shard.entries.Add(strings.Clone(text), token)
}
