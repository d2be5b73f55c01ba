package jwtsession

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// The metrics live as long as the process, so that they go on counting across reloads; each configuration registers them
// anew. All labels have values of closed sets.
var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "jwt_session", Name: "requests_total",
		Help: "Requests by the route's mode, by what spoke for the user, and by why nobody did or a token was passed over.",
	}, []string{"mode", "via", "reason"})

	shadowMismatchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "jwt_session", Name: "shadow_mismatches_total",
		Help: "Requests in shadow mode that mixed mode would have decided otherwise, by the difference.",
	}, []string{"reason"})
)

// registerMetrics adds the metrics to a configuration's registry.
func registerMetrics(registry prometheus.Registerer) error {
	for _, collector := range []prometheus.Collector{requestsTotal, shadowMismatchesTotal} {
		err := registry.Register(collector)
		if already := new(prometheus.AlreadyRegisteredError); err != nil && !errors.As(err, already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
