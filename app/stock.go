package app

import (
	"context"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// RunningStock returns how much the store of the running configuration holds, and whether it is open.
func RunningStock(ctx context.Context) (telemetry.Stock, bool, error) {
	shared := runningLedger()
	if shared == nil {
		return telemetry.Stock{}, false, nil
	}
	stock, err := shared.Stock(ctx)
	return telemetry.Stock{Sessions: stock.Sessions, Revocations: stock.Revocations}, true, err
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
