package jwtsession

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
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

// requestCounters are the counters of requestsTotal that a handler has met, so that it need not look for one in all of them,
// under their lock, with every request. There are as many as there are outcomes, whose set is closed. The zero value is
// ready to use.
type requestCounters struct {
	known  atomic.Pointer[map[requestLabels]prometheus.Counter] // never changed, but replaced
	adding sync.Mutex
}

// requestLabels are what a request came to, as it is counted.
type requestLabels struct {
	via    string
	reason validator.Reason
}

// with returns the counter of the outcome.
func (c *requestCounters) with(mode, via string, reason validator.Reason) prometheus.Counter {
	labels := requestLabels{via: via, reason: reason}
	if known := c.known.Load(); known != nil {
		if counter, ok := (*known)[labels]; ok {
			return counter
		}
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	counter := requestsTotal.WithLabelValues(mode, via, string(reason))
	more := map[requestLabels]prometheus.Counter{labels: counter}
	if known := c.known.Load(); known != nil {
		maps.Copy(more, *known)
	}
	c.known.Store(&more)
	return counter
}

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
