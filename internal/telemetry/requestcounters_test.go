package telemetry

import (
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// The counters that a handler keeps are those of the vector, whichever request meets an outcome first.
func TestRequestCountersAreTheVectorsOwn(t *testing.T) {
	const mode, workers, each = "only here", 8, 50
	outcomes := []requestLabels{
		{via: identity.ViaToken},
		{via: identity.ViaSession, reason: validator.TokenExpired},
		{via: identity.ViaNone, reason: validator.TokenExpired},
		{via: identity.ViaNone, reason: validator.NoCredentials},
	}
	defer RequestsTotal.DeletePartialMatch(map[string]string{"mode": mode})
	var counters, others RequestCounters // of two handlers of one mode
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range each * len(outcomes) {
				outcome := outcomes[(i+worker)%len(outcomes)]
				counters.With(mode, outcome.via, outcome.reason).Inc()
				others.With(mode, outcome.via, outcome.reason).Inc()
			}
		})
	}
	group.Wait()
	for _, outcome := range outcomes {
		var metric dto.Metric
		if err := RequestsTotal.WithLabelValues(mode, outcome.via, string(outcome.reason)).Write(&metric); err != nil {
			t.Fatal(err)
		}
		if got := metric.GetCounter().GetValue(); got != 2*workers*each {
			t.Errorf("%+v: counted %v, want %d", outcome, got, 2*workers*each)
		}
	}
	if known := *counters.known.Load(); len(known) != len(outcomes) {
		t.Errorf("%d counters are kept", len(known))
	}
}
