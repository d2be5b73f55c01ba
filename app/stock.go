package app

import (
	"context"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// RunningStock returns how much the store of the running configuration holds, and whether it is open.
func RunningStock(ctx context.Context) (telemetry.Stock, bool, error) {
	shared := runningLedger()
	if shared == nil {
		return telemetry.Stock{}, false, nil
	}
	counts, err := shared.Stock(ctx)
	stock := telemetry.Stock{Sessions: counts.Sessions, Revocations: counts.Revocations}
	if link, isShared := shared.Link(); isShared {
		stock.Link = &telemetry.Link{Connected: link.Connected, Lag: LagOf(link, time.Now())}
	}
	return stock, true, err
}

// runningLedger returns the ledger of the running configuration, or nil.
func runningLedger() *ledger.Ledger {
	if app := running.newest(); app != nil {
		if open := app.Opened(); open != nil {
			return open.Ledger
		}
	}
	return nil
}
