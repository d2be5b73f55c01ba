package points

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// gateway signs tokens and publishes keys.
type gateway struct {
	keys    map[string]*ecdsa.PrivateKey
	fetched int
	down    bool
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	g.fetched++
	if g.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var set jose.JSONWebKeySet
	for id, key := range g.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"})
	}
	_ = json.NewEncoder(w).Encode(set)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (g *gateway) token(t *testing.T, id, kind string, change func(map[string]any)) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: g.keys[id], KeyID: id}},
		new(jose.SignerOptions).WithType(jose.ContentType(kind)))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{
		"iss": "https://shop.example", "aud": "points", "sub": "alice", "role": "customer", "exp": start.Add(time.Minute).Unix(),
	}
	change(content)
	token, err := jwt.Signed(signer).Claims(content).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func open(t *testing.T) (*gateway, func(authorization string) (int, string), *time.Time) {
	t.Helper()
	signing := &gateway{keys: map[string]*ecdsa.PrivateKey{"one": newKey(t)}}
	server := httptest.NewServer(signing)
	t.Cleanup(server.Close)
	now := start
	service := New(Options{
		Now: func() time.Time { return now }, Trail: new(page.Trail), Issuer: "https://shop.example", Audience: "points", KeysURL: server.URL,
	})
	return signing, func(authorization string) (int, string) {
		request := httptest.NewRequest(http.MethodGet, "/points/", nil)
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		recorder := httptest.NewRecorder()
		service.ServeHTTP(recorder, request)
		return recorder.Code, recorder.Body.String()
	}, &now
}

func unchanged(map[string]any) {}

func TestTheTokenSaysWhoIsAsking(t *testing.T) {
	signing, ask, _ := open(t)
	status, body := ask("Bearer " + signing.token(t, "one", tokenType, unchanged))
	if status != http.StatusOK || !strings.Contains(body, `<b>alice</b>, customer: <b id="points">240</b> points`) {
		t.Errorf("answered %d:\n%s", status, body)
	}
}

func TestOtherTokensSayNothing(t *testing.T) {
	signing, ask, now := open(t)
	stranger := &gateway{keys: map[string]*ecdsa.PrivateKey{"one": newKey(t), "two": newKey(t)}}
	with := func(name string, value any) string {
		return signing.token(t, "one", tokenType, func(content map[string]any) {
			if content[name] = value; value == nil {
				delete(content, name)
			}
		})
	}
	for name, authorization := range map[string]string{
		"none":                 "",
		"another scheme":       "Basic YTpi",
		"no token":             "Bearer abc",
		"an ID token":          "Bearer " + signing.token(t, "one", "JWT", unchanged),
		"another service's":    "Bearer " + with("aud", "orders"),
		"for nobody":           "Bearer " + with("aud", nil),
		"another issuer's":     "Bearer " + with("iss", "https://evil.example"),
		"nobody's":             "Bearer " + with("sub", nil),
		"without an end":       "Bearer " + with("exp", nil),
		"expired":              "Bearer " + with("exp", start.Add(-time.Second).Unix()),
		"a stranger's":         "Bearer " + stranger.token(t, "one", tokenType, unchanged),
		"under an unknown key": "Bearer " + stranger.token(t, "two", tokenType, unchanged),
		"unsigned":             "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhbGljZSJ9.",
	} {
		if status, body := ask(authorization); status != http.StatusUnauthorized || strings.Contains(body, "alice") {
			t.Errorf("%s: answered %d:\n%s", name, status, body)
		}
	}
	good := "Bearer " + signing.token(t, "one", tokenType, unchanged)
	if status, _ := ask(good); status != http.StatusOK {
		t.Errorf("a good one: %d", status)
	}
	*now = start.Add(time.Minute + time.Second)
	if status, _ := ask(good); status != http.StatusUnauthorized {
		t.Errorf("once it has expired: %d", status)
	}
}

func TestKeysAreFetchedWhenTheyAreNeeded(t *testing.T) {
	signing, ask, now := open(t)
	good := "Bearer " + signing.token(t, "one", tokenType, unchanged)
	ask(good)
	ask(good)
	if signing.fetched != 1 {
		t.Errorf("fetched %d times for two tokens of one key", signing.fetched)
	}
	signing.keys["two"] = newKey(t)
	rotated := "Bearer " + signing.token(t, "two", tokenType, unchanged)
	if status, _ := ask(rotated); status != http.StatusUnauthorized || signing.fetched != 1 {
		t.Errorf("right after a fetch: %d, fetched %d times", status, signing.fetched)
	}
	*now = start.Add(keysPause)
	if status, _ := ask(rotated); status != http.StatusOK || signing.fetched != 2 {
		t.Errorf("a new key: %d, fetched %d times", status, signing.fetched)
	}
	signing.down = true
	*now = now.Add(keysLifetime)
	lasting := "Bearer " + signing.token(t, "two", tokenType, func(content map[string]any) { content["exp"] = start.Add(time.Hour).Unix() })
	if status, _ := ask(lasting); status != http.StatusOK || signing.fetched != 3 {
		t.Errorf("while the keys can't be fetched: %d, fetched %d times", status, signing.fetched)
	}
}
