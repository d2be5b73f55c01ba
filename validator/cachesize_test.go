package validator

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// held returns how many of the texts the cache holds, and how many bytes they count as.
func (c *Cache) held(texts map[string]verified) (tokens, bytes int) {
	for text := range texts {
		if token, ok := c.tokens.Peek(endOf(text)); ok {
			tokens++
			bytes += token.memory(text)
		}
	}
	return tokens, bytes
}

func TestCacheKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.IntRange(1, 4*cacheShards).Draw(t, "entries")
		cache := NewCache(entries)
		perShard := (entries + cacheShards - 1) / cacheShards
		sized := rapid.SampledFrom([]int{0, 300, 1000, 4000, 8000})
		name := rapid.IntRange(0, 40)
		texts := make(map[string]verified)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				text := fmt.Sprint("token ", name.Draw(t, "n"))
				token := verified{claims: &Claims{attributes: sessions.Attributes{
					"a": sessions.Text(strings.Repeat("x", sized.Draw(t, "size"))),
				}}}
				cache.put(text, token)
				got, kept := cache.get(text)
				if fits := token.memory(text) <= perShard*CachedTokenBytes; kept != fits || kept && got.claims != token.claims {
					t.Fatalf("%d bytes: kept %v, the right one %v", token.memory(text), kept, got.claims == token.claims)
				}
				texts[text] = token
			},
			"get": func(t *rapid.T) {
				text := fmt.Sprint("token ", name.Draw(t, "n"))
				if got, ok := cache.get(text); ok && got.claims != texts[text].claims {
					t.Fatal("got another one's claims")
				}
			},
			"drop": func(t *rapid.T) {
				text := fmt.Sprint("token ", name.Draw(t, "n"))
				cache.drop(text)
				if _, ok := cache.get(text); ok {
					t.Fatal("it is still there")
				}
			},
			"": func(t *rapid.T) {
				tokens, bytes := cache.held(texts)
				if tokens != cache.size() || tokens > cacheShards*perShard || bytes > cacheShards*perShard*CachedTokenBytes {
					t.Fatalf("%d tokens of %d bytes are held, %d counted, with room for %d", tokens, bytes, cache.size(), cacheShards*perShard)
				}
			},
		})
	})
}

// A few large tokens don't take the memory of many.
func TestCacheOfLargeTokens(t *testing.T) {
	const entries = 10 * cacheShards
	cache := NewCache(entries)
	for i := range entries {
		cache.put(strings.Repeat("A", MaxTokenBytes-10)+fmt.Sprint(i), verified{claims: &Claims{}})
	}
	if got, want := cache.size(), entries*CachedTokenBytes/MaxTokenBytes; got > want || got < want/2 {
		t.Errorf("%d are remembered, want about %d", got, want)
	}
}

// What is counted is what is taken, as near as matters for a bound on memory.
func TestCacheMemoryIsWhatItTakes(t *testing.T) {
	twenty := make(sessions.Attributes)
	for i := range 20 {
		twenty[fmt.Sprint("attribute-", i)] = sessions.Text("a value")
	}
	for name, attributes := range map[string]sessions.Attributes{
		"no attributes": nil,
		"one":           {"role": sessions.Text("shop keeper")},
		"five": {
			"name": sessions.Text("Alice Liddell"), "role": sessions.Text("admin"), "tenant": sessions.Text("wonderland"),
			"mail": sessions.Text("alice@shop.example"), "groups": sessions.List("staff", "croquet", "tea"),
		},
		"twenty":      twenty,
		"a long list": {"groups": sessions.List(strings.Fields(strings.Repeat("group ", 200))...)},
	} {
		t.Run(name, func(t *testing.T) {
			const tokens = 2000
			credential := credentialOf(t, "sid="+testSessionID, "sid")
			session := testSession(credential)
			session.Attributes = attributes
			minter := testMinter(mustSet(t, mustKey(t, "a")))
			cache := NewCache(100 * tokens)
			verifier, route := NewVerifier(NewKeyRing(minter.Keys), cache), testRoute()
			before, counted := heap(), 0
			for range tokens {
				text := mint(t, minter, session, credential)
				verified := verifier.Verify(tokenOf(text), testNow, route)
				if verified.State != TokenUsable {
					t.Fatalf("refused: %q", verified.Reason)
				}
				verified.Claims.Derived(derivedAsByHandlers)
				held, _ := cache.tokens.Peek(endOf(text))
				counted += held.memory(text)
			}
			taken := heap() - before
			if cache.size() != tokens {
				t.Fatalf("%d are remembered", cache.size())
			}
			runtime.KeepAlive(cache)
			t.Logf("a token takes %d bytes and counts as %d", taken/tokens, counted/tokens)
			if taken > counted*5/4 || taken < counted/2 {
				t.Errorf("a token takes %d bytes and counts as %d", taken/tokens, counted/tokens)
			}
			if name == "no attributes" && counted/tokens > CachedTokenBytes*3/4 {
				t.Errorf("a usual token counts as %d bytes", counted/tokens)
			}
		})
	}
}

// derivedAsByHandlers makes something of the size of what handlers keep with the claims.
func derivedAsByHandlers(claims *Claims) any {
	type placeholder struct {
		name  string
		value any
	}
	made := &struct {
		subjects     [192]byte
		who          [40]byte
		id           any
		attributes   sessions.Attributes
		placeholders []placeholder
	}{id: claims.Subject(), attributes: claims.Attributes()}
	for name, attribute := range made.attributes {
		made.placeholders = append(made.placeholders,
			placeholder{name: "http.auth.user." + name, value: strings.Join(attribute.Texts(), ",")})
	}
	return made
}

// heap returns how many bytes are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what pools hold is gone after the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// A token that has expired takes no place: not when it is met again, and not when it is new.
func TestCacheDropsWhatExpired(t *testing.T) {
	cache := NewCache(1000)
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), cache)
	text := forge(testHeader, payloadOf(t, nil))
	for _, step := range []struct {
		at   time.Time
		want Reason
		size int
	}{
		{testNow, "", 1},
		{time.Unix(1_800_000_059, 999_999_999), "", 1},
		{time.Unix(1_800_000_060, 0), TokenExpired, 0},
		{time.Unix(1_800_000_060, 0), TokenExpired, 0},
		{testNow, "", 1},
	} {
		if got := verifier.Verify(tokenOf(text), step.at, testRoute()); got.Reason != step.want || cache.size() != step.size {
			t.Errorf("at %v: got %q, %d remembered; want %q, %d", step.at, got.Reason, cache.size(), step.want, step.size)
		}
	}
}
