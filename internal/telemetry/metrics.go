package telemetry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

const metricsNamespace, metricsSubsystem = "caddy", "jwt_session"

// The metrics live as long as the process, so that they go on counting across reloads; each configuration registers them
// anew. All labels have values of closed sets.
var (
	RequestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "requests_total",
		Help: "Requests by the route's mode, by what spoke for the user, and by why nobody did or a token was passed over.",
	}, []string{"mode", "via", "reason"})

	ShadowMismatchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "shadow_mismatches_total",
		Help: "Requests in shadow mode that mixed mode would have decided otherwise, by the difference.",
	}, []string{"reason"})

	TokensIssuedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "tokens_issued_total",
		Help: "Tokens sent to browsers: the first of a session, in the place of one near its end, or of one that did not count.",
	}, []string{"cause"})

	LookupDuration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "lookup_duration_seconds",
		Help:    "How long looking a session up in the store took.",
		Buckets: []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})

	WhoamiDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "whoami_duration_seconds",
		Help:    "How long asking the application took, by what it said.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10},
	}, []string{"outcome"})

	TokenSize = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "token_size_bytes",
		Help:    "How long the tokens were that were sent to browsers, without the attributes of their cookie.",
		Buckets: []float64{256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 3072, 4096},
	})

	StoreErrorsTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "store_errors_total",
		Help: "Times that the store of sessions and revocations did not do its work.",
	})

	RenewalsSkippedTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "renewals_skipped_total",
		Help: "Tokens that were due and were not replaced, since whether their session is active could not be told.",
	})
)

// RequestCounters are the counters of requestsTotal that a handler has met, so that it need not look for one in all of them,
// under their lock, with every request. There are as many as there are outcomes, whose set is closed. The zero value is
// ready to use.
type RequestCounters struct {
	known  atomic.Pointer[map[requestLabels]prometheus.Counter] // never changed, but replaced
	adding sync.Mutex
}

// requestLabels are what a request came to, as it is counted.
type requestLabels struct {
	via    string
	reason validator.Reason
}

// With returns the counter of the outcome.
func (c *RequestCounters) With(mode, via string, reason validator.Reason) prometheus.Counter {
	labels := requestLabels{via: via, reason: reason}
	if known := c.known.Load(); known != nil {
		if counter, ok := (*known)[labels]; ok {
			return counter
		}
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	counter := RequestsTotal.WithLabelValues(mode, via, string(reason))
	more := map[requestLabels]prometheus.Counter{labels: counter}
	if known := c.known.Load(); known != nil {
		maps.Copy(more, *known)
	}
	c.known.Store(&more)
	return counter
}

// Register adds the metrics to a configuration's registry. Take says how much the open store holds, and whether one
// is open; with an error, only the revocations are known.
func Register(registry prometheus.Registerer, take func(context.Context) (Stock, bool, error)) error {
	for _, collector := range []prometheus.Collector{
		RequestsTotal, ShadowMismatchesTotal, TokensIssuedTotal, LookupDuration, WhoamiDuration, TokenSize,
		StoreErrorsTotal, RenewalsSkippedTotal, SignOutsTotal,
		inventory{take},
	} {
		err := registry.Register(collector)
		if already := new(prometheus.AlreadyRegisteredError); err != nil && !errors.As(err, already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

// The small sets of labels are there from the start: what comes into being with its first event is never seen to grow by it.
func init() {
	for _, cause := range []string{CauseFirst, CauseRenewal, CauseReplaced} {
		TokensIssuedTotal.WithLabelValues(cause)
	}
	for _, outcome := range []string{OutcomeIdentified, OutcomeNobody, OutcomeCouldNotTell} {
		WhoamiDuration.WithLabelValues(outcome)
	}
	for _, what := range []Mismatch{MismatchSignedOut, MismatchUser, MismatchAttributes, MismatchUndetermined} {
		ShadowMismatchesTotal.WithLabelValues(string(what))
	}
}

// CountStoreError counts an error where it is the store's.
func CountStoreError(err error) {
	if errors.Is(err, sessions.ErrUnavailable) || errors.Is(err, blacklist.ErrUnavailable) {
		StoreErrorsTotal.Inc()
	}
}

// ObserveSince notes how long something took by the machine's own clock, which no test moves.
func ObserveSince(observer prometheus.Observer, began time.Time) {
	observer.Observe(time.Since(began).Seconds())
}

// Stock is how much the open store holds.
type Stock struct {
	Sessions, Revocations int
	// Link is how the gateway is connected to a store that gateways share. It is nil where it has the store alone.
	Link *Link
}

// Link is how a gateway is connected to a store that gateways share.
type Link struct {
	Connected bool
	Lag       time.Duration // negative: it was never connected
}

// inventory says how much the open store holds, when it is asked: of all that is open, since it has no other name.
type inventory struct {
	take func(ctx context.Context) (Stock, bool, error)
}

var (
	sessionsDesc = prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, "sessions"),
		"Records of sessions in the store, those included that have expired and were not dropped yet.", nil, nil)
	revocationsDesc = prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, "revocations"),
		"Revocations and flushes that are in force.", nil, nil)
	lagDesc = prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, "replication_lag_seconds"),
		"For how long this gateway has not known everything that the others write. +Inf: it was never connected.", nil, nil)
	connectedDesc = prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, metricsSubsystem, "store_connected"),
		"Whether this gateway reaches the store that it shares with others.", nil, nil)
)

// inventoryTimeout is how long a scrape waits for the store.
const inventoryTimeout = time.Second

// Describe implements [prometheus.Collector].
func (inventory) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- sessionsDesc
	descriptions <- revocationsDesc
	descriptions <- lagDesc
	descriptions <- connectedDesc
}

// Collect implements [prometheus.Collector]. Where the store is not open, or does not answer, there is nothing to say.
func (i inventory) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), inventoryTimeout)
	defer cancel()
	stock, open, err := i.take(ctx)
	if !open {
		return
	}
	metrics <- prometheus.MustNewConstMetric(revocationsDesc, prometheus.GaugeValue, float64(stock.Revocations))
	if stock.Link != nil {
		stock.Link.collect(metrics)
	}
	if err != nil {
		CountStoreError(err)
		return
	}
	metrics <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, float64(stock.Sessions))
}

// collect tells of the link.
func (l *Link) collect(metrics chan<- prometheus.Metric) {
	connected, lag := 0.0, math.Inf(1)
	if l.Connected {
		connected = 1
	}
	if l.Lag >= 0 {
		lag = l.Lag.Seconds()
	}
	metrics <- prometheus.MustNewConstMetric(connectedDesc, prometheus.GaugeValue, connected)
	metrics <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, lag)
}
