package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The file is read every ten seconds, whether somebody comes with an unknown key or not.
func TestKeyFilesAreReadFromTimeToTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "dGhlIGZpcnN0IHNlY3JldCBvZiBhbGwsIGxvbmcgZW5vdWdo", "YW5kIHRoZSBzZWNvbmQgc2VjcmV0LCB3aGljaCBpcyBsb25n"
	write(first)
	sources := []KeySource{{Secret: "{file." + path + "}"}}
	keys, err := loadKeys(sources)
	if err != nil {
		t.Fatal(err)
	}
	set, err := validator.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	ring := validator.NewKeyRing(set)
	if followKeyFiles([]KeySource{{Secret: first}, {Secret: "{env.SECRET}"}}, keys, ring, nil) != nil {
		t.Error("a configuration without files is followed")
	}
	synctest.Test(t, func(t *testing.T) {
		files := followKeyFiles(sources, keys, ring, &keyNews{logger: zap.NewNop(), clock: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		go files.run(ctx)
		write(second)
		time.Sleep(keyFileInterval - time.Second)
		synctest.Wait()
		if ring.Current() != set {
			t.Error("the keys changed before the time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		changed := ring.Current()
		if changed.IsSame(set) {
			t.Error("the keys did not change")
		}
		time.Sleep(keyFileInterval)
		synctest.Wait()
		if ring.Current() != changed {
			t.Error("the keys changed where the file did not")
		}
		cancel()
	})
}

// Files that held keys with a public half go on to hold one: services verify with it.
func TestKeyFilesKeepAPublicHalf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair := func() string {
		t.Helper()
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	const secret = `{"kty": "oct", "alg": "HS256", "kid": "a", "k": "dGhlIGZpcnN0IHNlY3JldCBvZiBhbGwsIGxvbmcgZW5vdWdo"}`
	write(pair())
	sources := []KeySource{{File: path}}
	keys, err := loadKeys(sources)
	if err != nil {
		t.Fatal(err)
	}
	set, err := validator.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	ring := validator.NewKeyRing(set)
	said, log := observer.New(zap.ErrorLevel)
	files := followKeyFiles(sources, keys, ring, &keyNews{logger: zap.New(said), clock: time.Now})
	write(secret)
	if files.read() || ring.Current() != set || log.FilterFieldKey("error").Len() != 1 {
		t.Errorf("the last key with a public half was taken, or nothing was said: %v", log.All())
	}
	write(pair())
	if !files.read() || ring.Current() == set {
		t.Error("another key with a public half was not taken")
	}
}
