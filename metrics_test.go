package jwtsession_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// gathered are all metric families of this module, by name.
func gathered(t testing.TB) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := telemetry.Register(registry, app.RunningStock); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*dto.MetricFamily)
	for _, family := range families {
		byName[family.GetName()] = family
	}
	return byName
}

// visitOnce sees to it that every metric has a value.
func visitOnce(t *testing.T) *harness.Gateway {
	t.Helper()
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page")
	b.Get("/page")
	return g
}

// promtool's rules for names, units and help texts.
func TestMetricsPassTheLint(t *testing.T) {
	visitOnce(t)
	registry := prometheus.NewPedanticRegistry()
	if err := telemetry.Register(registry, app.RunningStock); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// The names and labels are a promise: dashboards and alerts are made of them.
func TestMetricsAreTheseWithTheseLabels(t *testing.T) {
	visitOnce(t)
	want := map[string][]string{
		"requests_total":          {"mode", "reason", "via"},
		"tokens_issued_total":     {"cause"},
		"lookup_duration_seconds": nil,
		"whoami_duration_seconds": {"outcome"},
		"token_size_bytes":        nil,
		"sessions":                nil,
		"revocations":             nil,
		"store_errors_total":      nil,
		"renewals_skipped_total":  nil,
		"signouts_total":          {"door", "outcome"},
		"shadow_mismatches_total": {"reason"},
	}
	found := gathered(t)
	if len(found) != len(want) {
		t.Errorf("there are %d metrics, want %d", len(found), len(want))
	}
	for name, labels := range want {
		family := found["caddy_jwt_session_"+name]
		if family == nil {
			t.Errorf("there is no metric %s", name)
			continue
		}
		var got []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			got = append(got, pair.GetName())
		}
		if slices.Sort(got); !slices.Equal(got, labels) {
			t.Errorf("%s has the labels %v, want %v", name, got, labels)
		}
	}
}

// What is not there before its first event can't be seen to grow by it.
func TestMetricsAreThereBeforeTheirFirstEvent(t *testing.T) {
	found := gathered(t)
	for name, labels := range map[string][]string{
		"tokens_issued_total":     {telemetry.CauseFirst, telemetry.CauseRenewal, telemetry.CauseReplaced},
		"whoami_duration_seconds": {telemetry.OutcomeIdentified, telemetry.OutcomeNobody, telemetry.OutcomeCouldNotTell},
		"shadow_mismatches_total": {"signed_out", "user", "attributes", "undetermined"},
	} {
		var got []string
		for _, metric := range found["caddy_jwt_session_"+name].GetMetric() {
			got = append(got, metric.GetLabel()[0].GetValue())
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(labels))) {
			t.Errorf("%s has the labels %v, want %v", name, got, labels)
		}
	}
}

// Whoever sends requests must not make up label values: neither a realm made of the host, nor anything of a token.
func TestMetricsLabelsAreNoBodysChoice(t *testing.T) {
	g := harness.NewWith(t, harness.Options{Site: "jwt_session shop-{host} {\n whoami /whoami json user\n}\nreverse_proxy LEGACY"})
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("hortense")
	for _, name := range []string{"Host: evilhost.example", "Cookie: session=nobodys; jwt_shop-evil=evil.evil.evil"} {
		b.Get("/page", name)
		b.Get("/evilpath", "Origin: http://evil.example")
	}
	for name, family := range gathered(t) {
		if text := family.String(); strings.Contains(text, "evil") || strings.Contains(text, "hortense") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// value returns the sum of a metric's samples, or how many observations it has, with the label value where one is named.
func value(t testing.TB, name, label string) float64 {
	t.Helper()
	total := 0.0
	for _, metric := range gathered(t)["caddy_jwt_session_"+name].GetMetric() {
		if label != "" && !slices.ContainsFunc(metric.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == label }) {
			continue
		}
		total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
	}
	return total
}

// change returns by how much a metric grew.
func change(t testing.TB, name, label string, do func()) float64 {
	t.Helper()
	before := value(t, name, label)
	do()
	return value(t, name, label) - before
}

func TestMetricsCountWhatHappens(t *testing.T) {
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	first := func() { b.Get("/page") }
	for _, test := range []struct {
		name, label string
		want        float64
	}{
		{"tokens_issued_total", telemetry.CauseFirst, 1},
		{"tokens_issued_total", telemetry.CauseRenewal, 0},
		{"lookup_duration_seconds", "", 0},
		{"whoami_duration_seconds", telemetry.OutcomeIdentified, 1},
		{"token_size_bytes", "", 1},
		{"sessions", "", 1},
	} {
		g.Legacy.Set(b.Cookies["session"], "")
		b.Cookies = map[string]string{"session": g.Legacy.SignIn("alice")}
		got := change(t, test.name, test.label, first)
		if test.name == "lookup_duration_seconds" && got > 0 {
			continue // once to find nothing, and once more before the question is put
		}
		if got != test.want {
			t.Errorf("the first request of a session: %s %s grew by %g, want %g", test.name, test.label, got, test.want)
		}
	}
	// The token path: one counter and nothing else.
	for _, name := range []string{"lookup_duration_seconds", "tokens_issued_total", "token_size_bytes", "whoami_duration_seconds"} {
		if got := change(t, name, "", first); got != 0 {
			t.Errorf("on the token path %s grew by %g", name, got)
		}
	}
	if got := change(t, "requests_total", "token", first); got != 1 {
		t.Errorf("on the token path requests_total grew by %g", got)
	}
	g.Clock.Advance(31 * time.Second)
	if got := change(t, "tokens_issued_total", telemetry.CauseRenewal, first); got != 1 {
		t.Errorf("a renewal: counted %g times", got)
	}
	b.Cookies[harness.TokenName] = "not.a.token"
	if got := change(t, "tokens_issued_total", telemetry.CauseReplaced, first); got != 1 {
		t.Errorf("a token in the place of a bad one: counted %g times", got)
	}
	other := g.Browser()
	other.Cookies["session"], other.Cookies[harness.TokenName] = g.Legacy.SignIn("bob"), b.Cookies[harness.TokenName]
	if got := change(t, "requests_total", string(validator.TokenOtherSession), func() {
		if got := change(t, "tokens_issued_total", telemetry.CauseReplaced, func() { other.Get("/page") }); got != 1 {
			t.Errorf("a token in the place of one of another session: counted %g times", got)
		}
	}); got != 1 {
		t.Errorf("a token of another session: counted %g times", got)
	}
	nobody := g.Browser()
	nobody.Cookies["session"] = "nobodys-0123456789abcdef"
	if got := change(t, "whoami_duration_seconds", telemetry.OutcomeNobody, func() { nobody.Get("/page") }); got != 1 {
		t.Errorf("nobody: counted %g times", got)
	}
	if got := change(t, "revocations", "", func() {
		harness.AdminPost(t, "revocations", `{"realm": "shop", "user": "mallory"}`).Into(t, new(admin.RevokeAnswer))
	}); got != 1 {
		t.Errorf("revocations grew by %g", got)
	}
}

// The application that does not answer leaves the token as it is; a store that does not is counted as well.
func TestMetricsCountFailures(t *testing.T) {
	g := harness.New(t, "")
	b := g.Browser()
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	b.Get("/page")
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	g.Clock.Advance(31 * time.Second)
	asked, failed := value(t, "whoami_duration_seconds", telemetry.OutcomeCouldNotTell), value(t, "store_errors_total", "")
	if got := change(t, "renewals_skipped_total", "", func() { b.Get("/page") }); got != 1 {
		t.Errorf("a renewal left out: counted %g times", got)
	}
	if got := value(t, "whoami_duration_seconds", telemetry.OutcomeCouldNotTell) - asked; got != 1 {
		t.Errorf("an answer that says nothing: counted %g times", got)
	}
	if value(t, "store_errors_total", "") != failed {
		t.Error("the application's failure counts as the store's")
	}
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	if got := change(t, "store_errors_total", "", func() { b.Get("/page") }); got < 1 {
		t.Errorf("a store that is closed: counted %g times", got)
	}
	if found := gathered(t); found["caddy_jwt_session_sessions"] != nil || found["caddy_jwt_session_revocations"] == nil {
		t.Error("a store that does not answer has a number of sessions, or no number of revocations")
	}
}

func TestMetricsSurviveAReload(t *testing.T) {
	before := func() float64 { return value(t, "requests_total", "session") }
	g := visitOnce(t)
	counted := before()
	g.Load(harness.Options{Site: "jwt_session shop {\n whoami /whoami json user\n}\nreverse_proxy LEGACY"})
	if after := before(); after != counted {
		t.Errorf("after a reload the counter stands at %g, before at %g", after, counted)
	}
	if err := telemetry.Register(g.Ctx.GetMetricsRegistry(), app.RunningStock); err != nil {
		t.Errorf("registering in one configuration twice: %v", err)
	}
}

func TestMetricsThatCanNotBeRegistered(t *testing.T) {
	registry := prometheus.NewRegistry()
	other := prometheus.NewCounter(prometheus.CounterOpts{Name: "caddy_jwt_session_requests_total", Help: "Somebody else's."})
	if err := registry.Register(other); err != nil {
		t.Fatal(err)
	}
	if err := telemetry.Register(registry, app.RunningStock); err == nil {
		t.Error("the clash of names was passed over")
	}
}

func TestStoreErrorsAreTheStores(t *testing.T) {
	if got := change(t, "store_errors_total", "", func() {
		telemetry.CountStoreError(nil)
		telemetry.CountStoreError(errors.New("other"))
		telemetry.CountStoreError(errors.Join(errors.New("looking session up"), sessions.ErrUnavailable))
	}); got != 1 {
		t.Errorf("counted %g of one", got)
	}
}

// With Caddy's tracing the request's span says which way it took, and so does one of the decision; a question has one too.
// None says who it is from.
func TestSpanSaysTheWay(t *testing.T) {
	t.Parallel()
	g := harness.New(t, "")
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")
	traced := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.Start(r.Context(), "request")
		defer span.End()
		g.Server.Config.Handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer traced.Close()
	b := g.Browser()
	b.URL = traced.URL
	b.Cookies["session"] = g.Legacy.SignIn("hortense")
	session := b.Cookies["session"]
	b.Get("/page")
	b.Get("/page")
	delete(b.Cookies, "session")
	b.Get("/page")
	var got []string
	for _, span := range recorder.Ended() {
		var line []string
		for _, attribute := range span.Attributes() {
			line = append(line, strings.TrimPrefix(string(attribute.Key), "jwt_session.")+"="+attribute.Value.String())
		}
		got = append(got, span.Name()+": "+strings.Join(line, " "))
		if span.Name() != "request" && (!span.Parent().IsValid() || span.EndTime().Sub(span.StartTime()) > time.Hour) {
			t.Errorf("span %s: parent %v, from %v to %v", span.Name(), span.Parent(), span.StartTime(), span.EndTime())
		}
	}
	var want []string
	for _, way := range []string{"via=session", "via=token", "via=none reason=session_missing"} {
		if len(want) == 0 {
			want = append(want, "jwt_session.whoami: realm=shop outcome=identified")
		}
		want = append(want, "jwt_session: realm=shop mode=mixed "+way, "request: realm=shop mode=mixed "+way)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the spans say %q, want %q", got, want)
	}
	if all := strings.Join(got, " "); strings.Contains(all, "hortense") || strings.Contains(all, session) {
		t.Errorf("the spans say who it is from: %s", all)
	}
}

// foreignDirectory returns a directory that is no place for a store, so that a configuration which names it is refused
// when it starts.
func foreignDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letters"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A configuration that is refused leaves the metrics of the running one alone.
func TestMetricsAfterARefusedConfiguration(t *testing.T) {
	legacy := harness.NewLegacy(t)
	address := freeAddress(t)
	globals := storeGlobals(filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "storage"), "")
	if err := loadText(t, globals+site(address, "shop", "", legacy)); err != nil {
		t.Fatal(err)
	}
	b := browserAt(t, address)
	b.Cookies["session"] = legacy.SignIn("alice")
	b.Get("/page")
	held := value(t, "sessions", "")
	refused := storeGlobals(foreignDirectory(t), filepath.Join(t.TempDir(), "storage"), "") + site(address, "shop", "", legacy)
	if err := caddy.Load(adaptText(t, refused), true); err == nil {
		t.Fatal("the configuration was taken")
	}
	if now := value(t, "sessions", ""); now != held || held == 0 {
		t.Errorf("there are %g sessions, before there were %g", now, held)
	}
}
