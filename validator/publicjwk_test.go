package validator

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The example of RFC 8037 appendix A.3.
func TestThumbprint(t *testing.T) {
	x := decode64(t, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	got, err := thumbprint(ed25519.PublicKey(x))
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := thumbprint("no key"); err == nil || got != "" {
		t.Errorf("no key has the thumbprint %q", got)
	}
}

// Others verify our tokens with what is published, and learn nothing else.
func TestPublicJWKS(t *testing.T) {
	credential := credentialOf(t, "sid=1", "sid")
	keys := []Key{mustKey(t, "a")}
	for _, algorithm := range ours {
		key, _ := generate(t, algorithm)
		keys = append(keys, key)
	}
	text, err := mustSet(t, keys...).PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	var published struct{ Keys []map[string]string }
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	members := map[string]string{
		"ES256": "alg crv kid kty use x y", "EdDSA": "alg crv kid kty use x", "RS256": "alg e kid kty n use",
	}
	for _, key := range published.Keys {
		algorithm := key["alg"]
		if got := strings.Join(slices.Sorted(maps.Keys(key)), " "); got != members[algorithm] || key["use"] != "sig" {
			t.Errorf("%s: the members %s, use %s", algorithm, got, key["use"])
		}
		delete(members, algorithm)
	}
	if len(members) > 0 {
		t.Errorf("missing: %v", members)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	foreign, err := readVerificationKeys(text, everyAlgorithm)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		found := set.Key(key.ID())
		if key.Algorithm() == HS256 {
			if len(found) != 0 {
				t.Error("a secret is published")
			}
			continue
		}
		if len(found) != 1 || !found[0].IsPublic() || !found[0].Valid() || found[0].Algorithm != string(key.Algorithm()) {
			t.Fatalf("%s: go-jose finds %d keys", key.Algorithm(), len(found))
		}
		token := mint(t, testMinter(mustSet(t, key)), testSession(credential), credential)
		parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm())})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.Verify(found[0]); err != nil {
			t.Errorf("%s: %v", key.Algorithm(), err)
		}
		if _, _, reason := foreign.verify(token, ourForm); reason != "" {
			t.Errorf("%s: as a foreign token it is refused: %s", key.Algorithm(), reason)
		}
	}
}

func TestNothingToPublish(t *testing.T) {
	elliptical, _ := generate(t, ES256)
	for name, c := range map[string]struct {
		set  *KeySet
		want bool
	}{
		"none": {nil, false}, "empty": {new(KeySet), false}, "secrets": {mustSet(t, mustKey(t, "a"), mustKey(t, "b")), false},
		"one behind a secret": {mustSet(t, mustKey(t, "a"), elliptical), true},
	} {
		text, err := c.set.PublicJWKS()
		if err != nil || c.set.HasPublic() != c.want || (string(text) == `{"keys":[]}`) == c.want {
			t.Errorf("%s: %v, %s, %v", name, c.set.HasPublic(), text, err)
		}
	}
}
