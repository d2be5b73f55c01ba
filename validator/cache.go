package validator

import (
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

// CachedTokenBytes is the memory, in bytes, that a [Cache] may take for each of its tokens on average. A token of ours
// without attributes takes a little more than half of that, and one with five attributes takes half as much again.
const CachedTokenBytes = 2 << 10

// Cache remembers tokens whose signature held, with their full text. The least recently used tokens are dropped. The cache is
// bounded by the number of tokens and by their size, so that a few large ones don't take the memory of many. It is sound
// only behind a check that accepts one spelling of a token, as [Verifier.Verify] does. A nil Cache remembers nothing. A
// Cache is safe for concurrent use.
type Cache struct {
	tokens *remember.Memory[string, cachedToken] // by the end of the text
}

// cachedToken is a token whose signature held, with its text. The end of the text finds it, and the whole text decides.
type cachedToken struct {
	verified

	text string
}

// endChars is how much of a token's end finds it: a signature of 256 bits. Longer ones, and the ends of encrypted tokens, are
// as different. It takes less time to find a token by that than by all of its text.
const endChars = 43

func endOf(text string) string { return text[max(0, len(text)-endChars):] }

// NewCache returns a cache for about the given number of tokens of usual size. It takes up to [CachedTokenBytes] for each.
// If the number is below one, NewCache returns nil, which remembers nothing.
func NewCache(entries int) *Cache {
	if entries < 1 {
		return nil
	}
	return &Cache{remember.NewWeighed(entries, CachedTokenBytes, func(_ string, token cachedToken) int {
		return token.memory(token.text)
	})}
}

func (c *Cache) get(text string) (verified, bool) {
	if c == nil {
		return verified{}, false
	}
	known, ok := c.tokens.Get(endOf(text))
	if !ok || known.text != text {
		return verified{}, false
	}
	return known.verified, true
}

// put remembers a token, unless the token alone is larger than a part of the cache may be. It copies the text, which is a
// part of the request's header and would keep that in memory.
func (c *Cache) put(text string, token verified) {
	if c != nil {
		text = strings.Clone(text)
		c.tokens.Put(endOf(text), cachedToken{verified: token, text: text})
	}
}

// drop forgets a token.
func (c *Cache) drop(text string) {
	if c != nil {
		c.tokens.Drop(endOf(text))
	}
}

// These are about what a remembered token takes besides its texts, in bytes: its place in the cache, the claims, and what
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
