package validator

import (
	"sync"
	"testing"
)

// A token that was seen counts only while the key that signed it is there: its material, not just its id.
func TestKeyChangeIsExact(t *testing.T) {
	for _, algorithm := range ours {
		t.Run(string(algorithm), func(t *testing.T) {
			credential := credentialOf(t, "sid=1", "sid")
			key, private := generate(t, algorithm)
			added, _ := generate(t, algorithm)
			_, otherPrivate := generate(t, algorithm)
			load := func(id string, private []byte) Key {
				t.Helper()
				key, err := NewKey(algorithm, id, private)
				if err != nil {
					t.Fatal(err)
				}
				return key
			}
			text := mint(t, testMinter(mustSet(t, key)), testSession(credential), credential)
			cache, ring := NewCache(100), NewKeyRing(mustSet(t, key))
			verifier := NewVerifier(ring, cache)
			first := verifier.Verify(tokenOf(text), testNow, testRoute())
			if first.State != TokenUsable {
				t.Fatalf("got %q", first.Reason)
			}
			for _, c := range []struct {
				name string
				set  *KeySet
				want Reason
			}{
				{"a key is added", mustSet(t, added, key), ""},
				{"the same key is loaded again", mustSet(t, added, load(key.ID(), private)), ""},
				{"it has gone", mustSet(t, added), TokenUnknownKey},
				{"it is back", mustSet(t, key), ""},
				{"another has its id", mustSet(t, load(key.ID(), otherPrivate)), TokenBadSignature},
				{"it has another id", mustSet(t, load("other", private)), TokenUnknownKey},
				{"no keys", nil, TokenUnknownKey},
			} {
				ring.Set(c.set)
				got := verifier.Verify(tokenOf(text), testNow, testRoute())
				if got.Reason != c.want || (got.State == TokenUsable) != (c.want == "") {
					t.Errorf("%s: got %q, want %q", c.name, got.Reason, c.want)
				}
				if c.want == "" && got.Claims != first.Claims {
					t.Errorf("%s: the token is verified anew", c.name)
				}
				if claims, reason := verifier.Authenticate(text); reason != c.want || (claims == nil) != (c.want != "") {
					t.Errorf("%s: to the operator %q, want %q", c.name, reason, c.want)
				}
			}
		})
	}
}

func TestKeyRing(t *testing.T) {
	set := mustSet(t, mustKey(t, "a"))
	if got := NewKeyRing(set).Current(); got != set {
		t.Errorf("got %v", got)
	}
	for name, ring := range map[string]*KeyRing{"none": nil, "empty": {}, "emptied": NewKeyRing(nil)} {
		if got := ring.Current(); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Keys come and go while requests are verified: a token of the key that stays is never refused. The race detector watches.
func TestKeyChangeUnderLoad(t *testing.T) {
	stays, comes := mustKey(t, "a"), mustKey(t, "b")
	credential := credentialOf(t, "sid=1", "sid")
	text := mint(t, testMinter(mustSet(t, stays)), testSession(credential), credential)
	sets := []*KeySet{mustSet(t, stays), mustSet(t, comes, stays), mustSet(t, stays, comes)}
	ring := NewKeyRing(sets[0])
	verifier := NewVerifier(ring, NewCache(10))
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 2000 {
				if worker == 0 {
					ring.Set(sets[i%len(sets)])
				}
				if got := verifier.Verify(tokenOf(text), testNow, testRoute()); got.State != TokenUsable {
					t.Errorf("got %q", got.Reason)
					return
				}
			}
		})
	}
	group.Wait()
}
