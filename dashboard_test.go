package jwtsession_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// dashboardQueries returns the queries of the example's dashboard.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("example/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || len(panel.Targets) == 0 {
			t.Error("a panel has no title, or shows nothing")
		}
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}

// sharedMetrics are those of a gateway that shares its store.
var sharedMetrics = []string{"caddy_jwt_session_replication_lag_seconds", "caddy_jwt_session_store_connected"}

// Every metric that the dashboard asks for is one that there is, with the labels that it asks by; and every one that there
// is, it shows.
func TestDashboardShowsTheMetrics(t *testing.T) {
	visitOnce(t)
	families := gathered(t)
	shown := make(map[string]bool)
	for _, query := range dashboardQueries(t) {
		for _, name := range regexp.MustCompile(`caddy_jwt_session_\w+`).FindAllString(query, -1) {
			family := familyOf(families, name)
			if family == nil && slices.Contains(sharedMetrics, name) {
				continue
			}
			if family == nil {
				t.Errorf("there is no metric %s", name)
				continue
			}
			shown[family.GetName()] = true
			for _, label := range labelsIn(query) {
				if label != "job" && label != "le" && !hasLabel(family, label) {
					t.Errorf("%s has no label %s", name, label)
				}
			}
		}
	}
	for name := range families {
		if !shown[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// familyOf finds a metric by its own name or one of those that a histogram has.
func familyOf(families map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	if family := families[name]; family != nil {
		return family
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, cut := strings.CutSuffix(name, suffix); cut {
			if family := families[base]; family != nil && family.GetType() == dto.MetricType_HISTOGRAM {
				return family
			}
		}
	}
	return nil
}

// labelsIn returns the labels that a query selects or sums by.
func labelsIn(query string) []string {
	var labels []string
	for _, found := range regexp.MustCompile(`(\w+)(?:=~|!=|=)"`).FindAllStringSubmatch(query, -1) {
		labels = append(labels, found[1])
	}
	for _, found := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		labels = append(labels, strings.Split(found[1], ", ")...)
	}
	return labels
}

func hasLabel(family *dto.MetricFamily, name string) bool {
	return slices.ContainsFunc(family.GetMetric()[0].GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name })
}
