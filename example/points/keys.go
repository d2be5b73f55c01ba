package points

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysLifetime = time.Minute     // how long published keys are used before they are fetched again
	keysPause    = 5 * time.Second // the least time between two fetches
	maxKeys      = 64 << 10        // the longest key set in bytes
	keysTimeout  = 5 * time.Second
)

var errUnknownKey = errors.New("no published key has signed the token")

// publishedKeys are the gateway's public keys, fetched when they are needed.
type publishedKeys struct {
	url    string
	client http.Client

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time // the last attempt
}

// find returns the key with that id. A key that is not known may be a new one: the set is fetched again then.
func (k *publishedKeys) find(ctx context.Context, id string, now time.Time) (jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := now.Sub(k.fetched)
	if age >= keysLifetime || len(k.set.Key(id)) == 0 && age >= keysPause {
		k.fetched = now
		set, err := k.fetch(ctx)
		if err == nil {
			k.set = set
		} else if len(k.set.Keys) == 0 {
			return jose.JSONWebKey{}, err
		}
	}
	if found := k.set.Key(id); len(found) == 1 && found[0].IsPublic() {
		return found[0], nil
	}
	return jose.JSONWebKey{}, errUnknownKey
}

func (k *publishedKeys) fetch(ctx context.Context) (jose.JSONWebKeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("fetching the gateway's keys: %w", err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("fetching the gateway's keys: %w", err)
	}
	defer response.Body.Close()
	var set jose.JSONWebKeySet
	if response.StatusCode != http.StatusOK {
		return set, fmt.Errorf("fetching the gateway's keys: status %d", response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxKeys)).Decode(&set); err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("reading the gateway's keys: %w", err)
	}
	return set, nil
}
