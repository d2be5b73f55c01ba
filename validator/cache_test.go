package validator

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// cacheShards is how many parts a cache has.
const cacheShards = 64

func (c *Cache) size() int { return c.tokens.Len() }

func TestCacheOff(t *testing.T) {
	for _, entries := range []int{0, -1} {
		if NewCache(entries) != nil {
			t.Errorf("%d entries make a cache", entries)
		}
	}
	var none *Cache
	none.put("a", verified{claims: &Claims{}})
	if got, ok := none.get("a"); ok || got.claims != nil {
		t.Error("no cache remembers")
	}
}

func TestCacheRemembersTheSignatureAlone(t *testing.T) {
	cache := NewCache(1000)
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), cache)
	text := forge(testHeader, payloadOf(t, nil))
	first := verifier.Verify(tokenOf(text), testNow, testRoute())
	if first.State != TokenUsable || cache.size() != 1 {
		t.Fatalf("got %q, %d remembered", first.Reason, cache.size())
	}
	if again := verifier.Verify(tokenOf(text), testNow, testRoute()); again != first {
		t.Error("a token that was seen is read again")
	}
	dead, asked := false, 0
	route := testRoute()
	route.Dead = func(*Claims) (Reason, bool) {
		asked++
		return TokenRevoked, dead
	}
	for i := range 3 {
		if got := verifier.Verify(tokenOf(text), testNow, route); got.State != TokenUsable || asked != i+1 {
			t.Fatalf("request %d: %q, asked %d times", i, got.Reason, asked)
		}
	}
	dead = true
	if got := verifier.Verify(tokenOf(text), testNow, route); got.Reason != TokenRevoked {
		t.Errorf("revoked: got %+v", got)
	}
	dead = false
	for _, c := range []struct {
		at   time.Time
		want Reason
	}{
		{time.Unix(1_800_000_059, 999_999_999), ""},
		{time.Unix(1_800_000_060, 0), TokenExpired},
		{time.Unix(1_799_999_994, 0), TokenNotYetValid},
	} {
		if got := verifier.Verify(tokenOf(text), c.at, route); got.Reason != c.want {
			t.Errorf("at %v: got %q, want %q", c.at, got.Reason, c.want)
		}
	}
	route.Realm = "blog"
	if got := verifier.Verify(tokenOf(text), testNow, route); got.State != TokenForeign {
		t.Errorf("in another realm: got %+v", got)
	}
	if cache.size() != 1 {
		t.Errorf("%d remembered", cache.size())
	}
}

func TestCacheForgetsTheOldest(t *testing.T) {
	const entries = 2 * cacheShards
	cache := NewCache(entries)
	kept := fmt.Sprint("token ", 0)
	for i := range 20 * entries {
		cache.put(fmt.Sprint("token ", i), verified{claims: &Claims{issuedAt: int64(i + 1)}})
		if got, ok := cache.get(kept); !ok || got.claims.issuedAt != 1 {
			t.Fatalf("after %d others: the one that is in use is forgotten", i)
		}
	}
	if got := cache.size(); got != entries {
		t.Errorf("%d remembered, want %d", got, entries)
	}
	last := fmt.Sprint("token ", 20*entries-1)
	if got, ok := cache.get(last); !ok || got.claims.issuedAt != 20*entries {
		t.Error("the latest is forgotten")
	}
}

// The end of a token finds it, and does not speak for another one that ends in the same way.
func TestCacheComparesTheWholeText(t *testing.T) {
	cache := NewCache(1000)
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), cache)
	text := forge(testHeader, payloadOf(t, nil))
	if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got.State != TokenUsable || cache.size() != 1 {
		t.Fatalf("got %q, %d remembered", got.Reason, cache.size())
	}
	header, payload, end := encode64([]byte(testHeader)), encode64([]byte(payloadOf(t, map[string]string{"sub": `"eve"`}))), endOf(text)
	for _, other := range []string{header + "." + payload + "." + end, "A" + text, text[1:], end, "." + end} {
		if _, ok := cache.get(other); ok {
			t.Errorf("%d bytes are taken for %d", len(other), len(text))
		}
		if got := verifier.Verify(tokenOf(other), testNow, testRoute()); got.State != TokenUnusable {
			t.Errorf("accepted: %+v", got)
		}
	}
	if _, ok := cache.get(text); !ok || cache.size() != 1 {
		t.Errorf("it is forgotten: %d remembered", cache.size())
	}
}

// Nothing that was refused takes a place.
func TestCacheHoldsNoRefusedToken(t *testing.T) {
	cache := NewCache(1000)
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), cache)
	for _, text := range []string{
		"", "a.b.c", forge(testHeader, "{}"), forge(`{"alg":"HS256","kid":"b","typ":"JWT"}`, payloadOf(t, nil)),
		forge(testHeader, payloadOf(t, nil)) + "AAAA", sized(t, MaxTokenBytes) + "A",
	} {
		if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got.State != TokenUnusable {
			t.Errorf("accepted: %+v", got)
		}
	}
	if cache.size() != 0 {
		t.Errorf("%d remembered", cache.size())
	}
}

// Many requests with few tokens and a cache that is too small for them; the race detector watches.
func TestCacheConcurrency(t *testing.T) {
	verifier := NewVerifier(NewKeyRing(mustSet(t, mustKey(t, "a"))), NewCache(1))
	texts := make([]string, 200)
	for i := range texts {
		texts[i] = forge(testHeader, payloadOf(t, map[string]string{"sub": fmt.Sprintf(`"user-%d"`, i)}))
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 400 {
				n := (i*7 + worker*13) % len(texts)
				got := verifier.Verify(tokenOf(texts[n]), testNow, testRoute())
				if got.State != TokenUsable || got.Claims.Subject() != fmt.Sprint("user-", n) {
					t.Errorf("token %d: got %+v", n, got)
					return
				}
			}
		})
	}
	group.Wait()
}
