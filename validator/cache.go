package validator

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cacheShards is how many parts a cache has, each with a lock of its own. So requests with different tokens seldom meet.
const cacheShards = 64

// CachedTokenBytes is the memory, in bytes, that a [Cache] may take for each of its tokens on average. A token of ours
// without attributes takes a little more than half of that, and one with five attributes takes half as much again.
const CachedTokenBytes = 2 << 10

// Cache remembers tokens whose signature held, by their full text. The least recently used tokens are dropped. The cache is
// bounded by the number of tokens and by their size, so that a few large ones don't take the memory of many. It is sound
// only behind a check that accepts one spelling of a token, as [Verifier.Verify] does. A nil Cache remembers nothing. A
// Cache is safe for concurrent use.
type Cache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mutex   sync.Mutex
	entries *simplelru.LRU[string, verified]
	bytes   int // that the entries take
	limit   int // of bytes
}

// NewCache returns a cache for about the given number of tokens of usual size. It takes up to [CachedTokenBytes] for each.
// If the number is below one, NewCache returns nil, which remembers nothing.
func NewCache(entries int) *Cache {
	if entries < 1 {
		return nil
	}
	cache := &Cache{seed: maphash.MakeSeed()}
	perShard := (entries + cacheShards - 1) / cacheShards
	for i := range cache.shards {
		shard := &cache.shards[i]
		shard.limit = perShard * CachedTokenBytes
		// The only error is for a size below one.
		shard.entries, _ = simplelru.NewLRU(perShard, func(text string, token verified) {
			shard.bytes -= token.memory(text)
		})
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

// put remembers a token, unless the token alone is larger than its shard may be.
func (c *Cache) put(text string, token verified) {
	if c == nil {
		return
	}
	shard, size := c.shard(text), token.memory(text)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	shard.entries.Remove(text)
	if size > shard.limit {
		return
	}
	// The text is a part of the request's header, which it would keep in memory.
	shard.entries.Add(strings.Clone(text), token)
	shard.bytes += size
	for shard.bytes > shard.limit && shard.entries.Len() > 1 {
		shard.entries.RemoveOldest()
	}
}

// drop forgets a token.
func (c *Cache) drop(text string) {
	if c == nil {
		return
	}
	shard := c.shard(text)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	shard.entries.Remove(text)
}

// These are about what a remembered token takes besides its texts, in bytes: its place in a shard, the claims, and what
// [Claims.Derived] keeps with them; for each seven attributes, room in two maps; for each attribute its placeholder; and
// for each of its texts a place in a list. The test of the memory shows how near that is.
const (
	tokenMemory     = 768
	mapsMemory      = 900
	attributeMemory = 128
	textMemory      = 24
)

// memory returns about how many bytes a remembered token takes.
func (t verified) memory(text string) int {
	claims := t.claims
	size := tokenMemory + len(text) + len(claims.subject) + len(claims.realm) + len(claims.issuer) + len(claims.tokenID)
	if claims.bound != nil {
		size += len(*claims.bound)
	}
	size += (len(claims.attributes) + 6) / 7 * mapsMemory
	for name, attribute := range claims.attributes {
		size += attributeMemory + len(name)
		for _, text := range attribute.Texts() {
			size += textMemory + 2*len(text) // once more where the texts of a list are joined
		}
	}
	return size
}
