package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// memoryTimeout is how long reading or writing the memory of a store may take.
const memoryTimeout = 30 * time.Second

// storeMemory is the file in Caddy's storage that says which store was at a location the last time. A store that has gone, for
// example because its disk is not mounted, must not be taken for a new one: every revocation would be forgotten.
type storeMemory struct{ path string }

// memoryFolder is not below jwt_session/. If Caddy's storage is its data directory, jwt_session/ is the directory of the store,
// and an operator who removes it would remove the memory of it as well.
const memoryFolder = "jwt_session_stores/"

// memoryOf returns the memory of a location on this machine: others that share Caddy's storage have stores of their own.
func memoryOf(location string) storeMemory {
	host, _ := os.Hostname() // without a name all such machines count as one
	hash := sha256.Sum256([]byte(host + "\x00" + location))
	return storeMemory{path: memoryFolder + hex.EncodeToString(hash[:8])}
}

// recall returns the id of the store, or nothing if none is known.
func (m storeMemory) recall(ctx context.Context, in certmagic.Storage) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), memoryTimeout)
	defer cancel()
	text, err := in.Load(ctx, m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s from Caddy's storage: %w", m.path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// keep remembers the store that was opened, if it can be told from others and is not known yet.
func (m storeMemory) keep(ctx context.Context, in certmagic.Storage, known string, opened storage.Place) error {
	store, ok := opened.(storage.Identifier)
	if !ok || store.ID() == known {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), memoryTimeout)
	defer cancel()
	if err := in.Store(ctx, m.path, []byte(store.ID()+"\n")); err != nil {
		return fmt.Errorf("writing %s to Caddy's storage: %w", m.path, err)
	}
	return nil
}
