package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/counter"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/points"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/provider"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

// What the gateway's Caddyfile says of the tokens too.
const (
	tokenIssuer    = "https://tea-chest.example"
	pointsAudience = "points"
	ordersAudience = "https://orders.tea-chest.example"
)

// clients are the gateway, once for each flow, and another application of the provider's, whose access tokens are for
// another service and must count for nothing here.
func clients(visit string) []provider.Client {
	address := "http://" + visit
	return []provider.Client{
		{ID: "counter", Secret: "counter-secret-of-the-example", RedirectURI: address + "/counter/callback", Audience: ordersAudience},
		{ID: "counter-form", RedirectURI: address + "/counter/callback/form", Audience: ordersAudience},
		{ID: "warehouse", Secret: "warehouse-secret-of-the-example", RedirectURI: "http://warehouse.example/", Audience: "https://warehouse.example"},
	}
}

// services are all that stands behind the gateway, and the identity provider beside it.
type services struct {
	shop, counter, points, provider launch.Service
}

func (s services) close() {
	for _, one := range []launch.Service{s.shop, s.counter, s.points, s.provider} {
		one.Close()
	}
}

// startServices starts everything but the gateway, which will be at the addresses visit and admin.
func startServices(visit, admin string, providerNow func() time.Time) (started services, err error) {
	defer func() {
		if err != nil {
			started.close()
		}
	}()
	trail := new(page.Trail)
	if started.provider, err = startProvider(visit, providerNow); err != nil {
		return started, err
	}
	links := []shop.Link{{Path: "/points/", Name: "Points"}, {Path: "/counter/", Name: "Counter"}}
	if started.shop, err = launch.Serve("shop", "127.0.0.1:0", shop.New(time.Now, trail, links...)); err != nil {
		return started, err
	}
	started.counter, err = launch.Serve("counter", "127.0.0.1:0", counter.New(counter.Options{
		Now: time.Now, Trail: trail, Revoke: func(ctx context.Context, user string) error { return revoke(ctx, admin, user) },
	}))
	if err != nil {
		return started, err
	}
	started.points, err = launch.Serve("points service", "127.0.0.1:0", points.New(points.Options{
		Now: time.Now, Trail: trail, Issuer: tokenIssuer, Audience: pointsAudience, KeysURL: "http://" + visit + "/jwks.json",
	}))
	return started, err
}

// startProvider starts the identity provider under another host name than the shop's, which has an address for its name: so
// it is another site for the browser, as it would be on the web.
func startProvider(visit string, now func() time.Time) (launch.Service, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", defaultProviderPort))
	if err != nil {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return launch.Service{}, fmt.Errorf("opening the identity provider: %w", err)
		}
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return launch.Service{}, fmt.Errorf("reading the identity provider's address: %w", err)
	}
	address := net.JoinHostPort("localhost", port)
	handler, err := provider.New(provider.Options{Issuer: "http://" + address, Clients: clients(visit), Now: now})
	if err != nil {
		_ = listener.Close()
		return launch.Service{}, fmt.Errorf("opening the identity provider: %w", err)
	}
	return launch.ServeOn(listener, address, handler), nil
}

// revoke tells the gateway, at its admin API, that all sessions and tokens of the user are over.
func revoke(ctx context.Context, admin, user string) error {
	body, err := json.Marshal(map[string]string{"user": user})
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin+"/jwt_session/revocations", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("revoking a user: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("revoking a user: the gateway answers " + response.Status)
	}
	return nil
}
