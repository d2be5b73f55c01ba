package apps

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Of the pages that somebody looks at within a minute at least this share takes the token path and asks nobody. The first
// page asks, and from then on one page in each half of a token's life.
const (
	visitPages  = 30
	visitLength = time.Minute
	wantSpared  = 27 // of visitPages
	renewal     = 30 * time.Second
)

// checkVisit has alice sign in once and look at 30 pages, and counts three ways what that costs: how each page came to the
// application, what the gateway asked beside them, and what the gateway's own metric says.
func checkVisit(t *testing.T, gateway runningGateway, log string) {
	t.Helper()
	before, counted := len(readRows(t, log)), tokenRequests(t, gateway.admin)
	began := time.Now()
	drive(t, gateway.name, gateway.address, "visit")
	// A machine on which the visit lasts longer must renew the token more often than a visit of a minute does.
	late := max(0, int((time.Since(began)-visitLength+renewal-1)/renewal))
	rows := readRows(t, log)[before:]
	counted = tokenRequests(t, gateway.admin) - counted

	pages, byToken, spared, asked := 0, 0, 0, 0
	for i, row := range rows {
		switch {
		case row.Step == nil:
			asked++
		case row.Expect != "?" && row.Expect != "-": // signed in
			pages++
			if row.header("OurApp-Via") == "token" {
				byToken++
				// The visitor waits for each answer, so what the gateway asked for a page stands right before it.
				if i > 0 && rows[i-1].Step != nil {
					spared++
				}
			}
		}
	}
	t.Logf("a visit of %d pages: %d by token (the metric says %d), %d without a question, %d questions", pages, byToken, counted, spared, asked)
	if pages != visitPages || spared < wantSpared-late {
		t.Errorf("want %d pages, at least %d by token and without a question", visitPages, wantSpared-late)
	}
	if counted != byToken {
		t.Errorf("the metric counts %d requests by token, the application saw %d", counted, byToken)
	}
}

// tokenRequests reads from the gateway's metrics how many requests tokens have spoken for.
func tokenRequests(t *testing.T, admin string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	total := 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(series, "caddy_jwt_session_requests_total{") || !strings.Contains(series, `via="token"`) {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("reading the metric: %v", err)
		}
		total += n
	}
	if err := lines.Err(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("reading the metrics: status %d, %v", response.StatusCode, err)
	}
	return total
}
