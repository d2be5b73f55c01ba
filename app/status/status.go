package status

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// Status is the answer to GET /jwt_session/status: the migration at a glance. What is counted is counted since the
// process began.
type Status struct {
	Store    storeStatus       `json:"store"`
	Counts   countStatus       `json:"counts"`
	Keys     []Key             `json:"keys"`
	Requests requestStatus     `json:"requests"`
	LookUps  lookUpStatus      `json:"look_ups"`
	Tokens   tokenStatus       `json:"tokens"`
	Shadow   map[string]uint64 `json:"shadow_mismatches"`
	SignOuts map[string]uint64 `json:"sign_outs"` // what providers sent to sign users out, by what became of it
	Realms   map[string]Realm  `json:"realms"`
	Since    time.Time         `json:"since"`
	Link     *Link             `json:"link,omitempty"`     // to a store that gateways share
	Gateways []Gateway         `json:"gateways,omitempty"` // that share it, this one included
}

type storeStatus struct {
	Engine   string `json:"engine"`
	Location string `json:"location"`
	Answers  bool   `json:"answers"` // whether it said how many sessions it holds
	Errors   uint64 `json:"errors"`
}

type countStatus struct {
	Sessions    int `json:"sessions"`
	Revocations int `json:"revocations"`
	Blacklist   int `json:"blacklist"` // revocations and ends
	Pending     int `json:"pending"`   // of these, what would not survive a crash yet
	Undeleted   int `json:"undeleted"` // records of ended sessions that could not be deleted yet
	Questions   int `json:"questions"` // to the application, in flight
}

type requestStatus struct {
	Total   uint64             `json:"total"`
	Paths   map[string]uint64  `json:"paths"`  // by what spoke for the user
	Shares  map[string]float64 `json:"shares"` // of the total, 0 to 1
	Modes   map[string]uint64  `json:"modes"`
	Reasons map[string]uint64  `json:"reasons"` // why nobody did, or a token was passed over
}

type lookUpStatus struct {
	Made       uint64  `json:"made"`
	Seconds    float64 `json:"seconds"` // all together
	BytesRead  uint64  `json:"bytes_read"`
	Saved      uint64  `json:"saved"`       // requests that a token spoke for
	BytesSaved uint64  `json:"bytes_saved"` // what they would have read, if they were as those that were made
}

type tokenStatus struct {
	Issued          map[string]uint64 `json:"issued"` // by cause
	Bytes           float64           `json:"bytes"`  // of one, on average
	RenewalsSkipped uint64            `json:"renewals_skipped"`
}

type Realm struct {
	Modes  []string         `json:"modes,omitempty"` // of its routes; none where the realm is made of the request
	Whoami *telemetry.Tally `json:"whoami,omitempty"`
}

// processBegan is when the counters stood at 0.
var processBegan = time.Now()

// Of collects the status of a running configuration.
func Of(ctx context.Context, of *app.App, open *app.Core) Status {
	counts, err := open.Ledger.Count(ctx)
	telemetry.CountStoreError(err)
	status := Status{
		Store: storeStatusOf(of), Counts: countsOf(counts), Keys: Keys(of, open), Requests: requestsSoFar(), Tokens: tokensSoFar(),
		Shadow: countsBy(telemetry.ShadowMismatchesTotal, "reason"), Realms: realmStatusOf(of.Names()), Since: processBegan.UTC(),
		SignOuts: countsBy(telemetry.SignOutsTotal, "outcome"),
	}
	status.Store.Answers = err == nil
	status.LookUps = lookUpsSoFar(status.Requests.Paths[identity.ViaToken])
	status.Link, status.Gateways = gatewaysOf(ctx, open)
	return status
}

func storeStatusOf(a *app.App) storeStatus {
	engine, location := a.Store()
	return storeStatus{Engine: engine, Location: location, Errors: uint64(sumOf(telemetry.StoreErrorsTotal))}
}

func countsOf(counts ledger.Counts) countStatus {
	return countStatus{
		Sessions: counts.Sessions, Revocations: counts.Revocations, Blacklist: counts.Entries,
		Pending: counts.Pending, Undeleted: counts.Undeleted, Questions: counts.Questions,
	}
}

func requestsSoFar() requestStatus {
	status := requestStatus{
		Paths: countsBy(telemetry.RequestsTotal, "via"), Modes: countsBy(telemetry.RequestsTotal, "mode"),
		Reasons: countsBy(telemetry.RequestsTotal, "reason"), Shares: make(map[string]float64),
	}
	delete(status.Reasons, "")
	for _, count := range status.Paths {
		status.Total += count
	}
	for via, count := range status.Paths {
		status.Shares[via] = float64(count) / float64(status.Total)
	}
	return status
}

func lookUpsSoFar(saved uint64) lookUpStatus {
	status := lookUpStatus{BytesRead: telemetry.FoundBytes.Load(), Saved: saved}
	Each(telemetry.LookupDuration, func(metric *dto.Metric) {
		status.Made, status.Seconds = metric.GetHistogram().GetSampleCount(), metric.GetHistogram().GetSampleSum()
	})
	if found := telemetry.FoundRecords.Load(); found > 0 {
		status.BytesSaved = uint64(float64(status.BytesRead) / float64(found) * float64(saved))
	}
	return status
}

func tokensSoFar() tokenStatus {
	status := tokenStatus{
		Issued: countsBy(telemetry.TokensIssuedTotal, "cause"), RenewalsSkipped: uint64(sumOf(telemetry.RenewalsSkippedTotal)),
	}
	Each(telemetry.TokenSize, func(metric *dto.Metric) {
		if count := metric.GetHistogram().GetSampleCount(); count > 0 {
			status.Bytes = metric.GetHistogram().GetSampleSum() / float64(count)
		}
	})
	return status
}

// realmStatusOf tells of the realms that are configured, and of those that were asked about.
func realmStatusOf(names *app.Names) map[string]Realm {
	realms := make(map[string]Realm)
	for _, site := range names.Sites() {
		if site.Realm.Dynamic() {
			continue
		}
		name := site.Realm.String()
		status := realms[name]
		status.Modes = append(status.Modes, site.ModeName)
		if site.Whoami != "" {
			tally := telemetry.WhoamiTallies.Of(name)
			status.Whoami = &tally
		}
		realms[name] = status
	}
	for _, name := range telemetry.WhoamiTallies.Realms() {
		status := realms[name]
		tally := telemetry.WhoamiTallies.Of(name)
		status.Whoami = &tally
		realms[name] = status
	}
	return realms
}

// Each calls a function with each sample of a metric.
func Each(collector prometheus.Collector, do func(*dto.Metric)) {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		collector.Collect(metrics)
	}()
	for metric := range metrics {
		var sample dto.Metric
		if metric.Write(&sample) == nil {
			do(&sample)
		}
	}
}

// countsBy sums a counter by the values of one label, those aside that nothing was counted for.
func countsBy(collector prometheus.Collector, label string) map[string]uint64 {
	counts := make(map[string]uint64)
	Each(collector, func(metric *dto.Metric) {
		for _, pair := range metric.GetLabel() {
			if count := uint64(metric.GetCounter().GetValue()); count > 0 && pair.GetName() == label {
				counts[pair.GetValue()] += count
			}
		}
	})
	return counts
}

// sumOf sums a counter.
func sumOf(collector prometheus.Collector) float64 {
	total := 0.0
	Each(collector, func(metric *dto.Metric) { total += metric.GetCounter().GetValue() })
	return total
}
