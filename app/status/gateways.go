package status

import (
	"context"
	"os"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// Link says how this gateway is connected to a store that gateways share.
type Link struct {
	// Connected reports whether the store can be reached.
	Connected bool `json:"connected"`
	// Answers reports whether requests are decided here. A gateway that was cut off for max_stale decides none.
	Answers bool `json:"answers"`
	// Synced is the last time at which the gateway knew everything that the others had written. It is left out if there was none.
	Synced *time.Time `json:"synced,omitempty"`
	// AnswersUntil is when a gateway that is cut off stops, or has stopped, to decide requests.
	AnswersUntil *time.Time `json:"answers_until,omitempty"`
}

// Gateway is one of those that share the store.
type Gateway struct {
	ID      string     `json:"id,omitempty"`
	Host    string     `json:"host"`
	Self    bool       `json:"self"` // the one that answers
	Started *time.Time `json:"started,omitempty"`
	Seen    *time.Time `json:"seen,omitempty"`
	Lag     *float64   `json:"lag,omitempty"` // in seconds; left out if it never knew what the others write
}

// gatewaysTimeout is how long the status waits for the list.
const gatewaysTimeout = time.Second

// gatewaysOf lists the gateways that share the store. A gateway that is cut off knows of itself alone. There are none where the
// store is not shared.
func gatewaysOf(ctx context.Context, open *app.Core) (*Link, []Gateway) {
	link, shared := open.Ledger.Link()
	if !shared {
		return nil, nil
	}
	now := time.Now() // by which the ledger knows how old its knowledge is, and no clock of a test
	ctx, cancel := context.WithTimeout(ctx, gatewaysTimeout)
	defer cancel()
	known, err := open.Ledger.Gateways(ctx)
	if err != nil {
		telemetry.CountStoreError(err)
		host, _ := os.Hostname() // a machine may have no name
		known = []storage.Gateway{{Host: host, Self: true, Seen: now}}
	}
	gateways := make([]Gateway, len(known))
	for i, one := range known {
		lag := one.Lag
		if one.Self {
			lag = app.LagOf(link, now)
		}
		gateways[i] = Gateway{
			ID: one.ID, Host: one.Host, Self: one.Self, Started: timeOrNil(one.Started), Seen: timeOrNil(one.Seen), Lag: secondsOrNil(lag),
		}
	}
	return linkOf(link, open), gateways
}

func linkOf(link storage.Link, open *app.Core) *Link {
	status := &Link{Connected: link.Connected, Answers: !open.Ledger.IsStale(), Synced: timeOrNil(link.Synced)}
	if !link.Connected && status.Synced != nil {
		until := status.Synced.Add(open.Ledger.MaxStale())
		status.AnswersUntil = &until
	}
	return status
}

func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func secondsOrNil(lag time.Duration) *float64 {
	if lag < 0 {
		return nil
	}
	seconds := lag.Seconds()
	return &seconds
}
