package statuspage

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
)

func init() {
	caddy.RegisterModule(new(StatusPage))
}

// StatusPage shows how the gateway and the migration do: what let requests in, what tokens save, what the applications say
// when they are asked, the store and the keys. It names no user and no session.
//
// It is a plain page that refreshes itself and needs no JavaScript. It answers GET and HEAD and passes nothing on. Who may
// see it is up to the handlers before it, such as `basic_auth`, or the address that its site listens on.
type StatusPage struct {
	app    *app.App
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*StatusPage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jwt_session_status",
		New: func() caddy.Module { return new(StatusPage) },
	}
}

// Provision finds the app.
func (p *StatusPage) Provision(ctx caddy.Context) error {
	var err error
	if p.app, err = app.Of(ctx); err != nil {
		return err
	}
	p.logger = ctx.Logger()
	return nil
}

// statusRefresh is how many seconds the page is good.
const statusRefresh = 10

var (
	//go:embed statuspage.html
	statusHTML string
	//go:embed statuspage.css
	statusCSS string

	statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{
		"number": func(count uint64) string { return humanize.Comma(int64(min(count, math.MaxInt64))) },
		"bytes":  humanize.IBytes,
		"ago":    humanizeTime,
		"lag":    lag,
		"add":    func(a, b int) int { return a + b },
	}).Parse(statusHTML))

	statusPolicy = "default-src 'none'; style-src 'sha256-" + HashOf(statusCSS) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// HashOf returns the hash that a Content-Security-Policy names an inline style by.
func HashOf(text string) string {
	hash := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(hash[:])
}

// humanizeTime puts a time or a pointer to one into words.
func humanizeTime(at any) string {
	if pointer, ok := at.(*time.Time); ok && pointer != nil {
		at = *pointer
	}
	when, _ := at.(time.Time)
	return humanize.Time(when)
}

// lag puts seconds into words. Nil is what nobody knows.
func lag(seconds *float64) string {
	if seconds == nil {
		return "unknown"
	}
	return time.Duration(*seconds * float64(time.Second)).Round(time.Millisecond).String()
}

// ServeHTTP writes the page.
func (p *StatusPage) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("jwt_session_status: want GET or HEAD, got %s", r.Method))
	}
	open, err := p.app.CoreForOperator()
	if err != nil {
		p.logger.Error("opening the session store", zap.Error(err))
		w.Header().Set("Retry-After", refusal.RetryAfter)
		return caddyhttp.Error(http.StatusServiceUnavailable, err)
	}
	var page bytes.Buffer
	if err := statusTemplate.Execute(&page, newStatusView(status.Of(r.Context(), p.app, open), p.app.Now())); err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", statusPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = page.WriteTo(w)
	return err
}

// statusView is what the page shows.
type statusView struct {
	Refresh int
	Style   template.HTML
	Now     time.Time
	Status  status.Status
	Paths   shareChart
	Issued  shareChart
	LookUps spreadChart
	Realms  []realmView
	Reasons []counted
}

type realmView struct {
	Name, Modes string
	Outcomes    shareChart
	LastReason  string
	LastTime    time.Time
}

type counted struct {
	Name  string
	Count uint64
}

// colours are the classes of what charts have in common.
var colours = map[string]string{
	identity.ViaToken: "token", identity.ViaSession: "session", identity.ViaNone: "none",
	telemetry.CauseFirst: "session", telemetry.CauseRenewal: "token", telemetry.CauseReplaced: "other",
	telemetry.OutcomeIdentified: "good", telemetry.OutcomeNobody: "none", telemetry.OutcomeCouldNotTell: "bad",
}

func newStatusView(status status.Status, now time.Time) statusView {
	view := statusView{
		Refresh: statusRefresh, Style: template.HTML("<style>" + statusCSS + "</style>"), Now: now.UTC(), Status: status,
		Paths:   newShareChart("Requests by what let them in", status.Requests.Paths),
		Issued:  newShareChart("Tokens by why they were sent", status.Tokens.Issued),
		LookUps: newSpreadChart("Look-ups by how long they took"),
		Reasons: sorted(status.Requests.Reasons),
	}
	for _, name := range realmsInOrder(status.Realms) {
		realm := status.Realms[name]
		if realm.Whoami == nil {
			continue
		}
		shown := realmView{
			Name: name, Modes: strings.Join(realm.Modes, ", "), LastReason: string(realm.Whoami.LastReason),
			Outcomes: newShareChart("Questions by what was said", realm.Whoami.Outcomes),
		}
		if realm.Whoami.LastTime != nil {
			shown.LastTime = *realm.Whoami.LastTime
		}
		view.Realms = append(view.Realms, shown)
	}
	return view
}

// realmsInOrder returns the names of the realms, those that the configuration names before those that requests do.
func realmsInOrder(realms map[string]status.Realm) []string {
	return slices.SortedFunc(maps.Keys(realms), func(a, b string) int {
		fixed := func(name string) int { return min(len(realms[name].Modes), 1) }
		return cmp.Or(cmp.Compare(fixed(b), fixed(a)), cmp.Compare(a, b))
	})
}

// sorted lists counts, the largest first.
func sorted(counts map[string]uint64) []counted {
	var all []counted
	for name, count := range counts {
		all = append(all, counted{Name: name, Count: count})
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// shareChart is a bar of parts that make a whole of 100.
type shareChart struct {
	Label string
	Parts []sharePart
}

type sharePart struct {
	counted

	Class    string
	X, Width float64
}

func newShareChart(label string, counts map[string]uint64) shareChart {
	chart := shareChart{Label: label}
	total := 0.0
	for _, count := range counts {
		total += float64(count)
	}
	x := 0.0
	for _, part := range sorted(counts) {
		if part.Count == 0 {
			continue
		}
		width := 100 * float64(part.Count) / total
		class := cmp.Or(colours[part.Name], "other")
		if part.Name == identity.ViaNone {
			part.Name = "nobody"
		}
		part.Name = strings.ReplaceAll(part.Name, "_", " ")
		chart.Parts = append(chart.Parts, sharePart{counted: part, Class: class, X: x, Width: width})
		x += width
	}
	return chart
}

// spreadChart is a bar for each range of durations, as high as there are that took so long.
type spreadChart struct {
	Label, From, To string
	Bars            []spreadBar
}

type spreadBar struct{ X, Y, Width, Height float64 }

// newSpreadChart draws the look-ups so far, from the quickest to the slowest that there were.
func newSpreadChart(label string) spreadChart {
	var bounds []float64
	var counts []uint64
	status.Each(telemetry.LookupDuration, func(metric *dto.Metric) {
		below := uint64(0)
		for _, bucket := range metric.GetHistogram().GetBucket() {
			bounds, counts = append(bounds, bucket.GetUpperBound()), append(counts, bucket.GetCumulativeCount()-below)
			below = bucket.GetCumulativeCount()
		}
	})
	return spreadOf(label, bounds, counts)
}

func spreadOf(label string, bounds []float64, counts []uint64) spreadChart {
	isThere := func(count uint64) bool { return count > 0 }
	first := slices.IndexFunc(counts, isThere)
	if first < 0 {
		return spreadChart{Label: label}
	}
	last := first
	for i, count := range counts {
		if count > 0 {
			last = i
		}
	}
	chart := spreadChart{Label: label, From: "to " + seconds(bounds[first]), To: "to " + seconds(bounds[last])}
	most, each := float64(slices.Max(counts)), 100/float64(last-first+1)
	for i := first; i <= last; i++ {
		height := 29.5 * float64(counts[i]) / most
		chart.Bars = append(chart.Bars, spreadBar{
			X: each * (float64(i-first) + .1), Width: each * .8, Y: 29.8 - height, Height: height,
		})
	}
	return chart
}

func seconds(value float64) string {
	return time.Duration(math.Round(value * float64(time.Second))).String()
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*StatusPage)(nil)
	_ caddyhttp.MiddlewareHandler = (*StatusPage)(nil)
)
