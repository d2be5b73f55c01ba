package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

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
