package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
)

// Connections is how many requests are under way at a time.
const Connections = 4

// load is users who send requests without end.
type load struct {
	client  *http.Client
	spec    chain.Spec
	cookies []string
}

func newLoad(spec chain.Spec, cookies []string) *load {
	return &load{
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: Connections, DisableCompression: true},
			Timeout:   time.Minute,
		},
		spec: spec, cookies: cookies,
	}
}

func (l *load) close() { l.client.CloseIdleConnections() }

// run sends requests for a while, and so many at least. It returns how many there were.
func (l *load) run(ctx context.Context, duration time.Duration, atLeast int) (int, error) {
	began := time.Now()
	var sent atomic.Int64
	failures := make([]error, Connections)
	var wait sync.WaitGroup
	for i := range failures {
		wait.Go(func() {
			// Each has users of its own: of two requests of one user at a time, only one gets a token.
			for user := i; failures[i] == nil && (time.Since(began) < duration || int(sent.Load()) < atLeast); user += Connections {
				failures[i] = l.send(ctx, l.cookies[user%(len(l.cookies)/Connections*Connections)])
				sent.Add(1)
			}
		})
	}
	wait.Wait()
	return int(sent.Load()), errors.Join(failures...)
}

func (l *load) send(ctx context.Context, cookies string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.spec.Listen+"/account", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", cookies)
	response, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	sets := strings.Contains(strings.Join(response.Header["Set-Cookie"], "\n"), "jwt_shop=")
	if response.StatusCode != l.spec.Answers || sets != l.spec.Sets {
		return fmt.Errorf("measuring another path than meant: status %d, the answer brings a token: %t", response.StatusCode, sets)
	}
	return nil
}
