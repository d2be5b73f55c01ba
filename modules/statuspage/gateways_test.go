package statuspage

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app/status"
)

// The page says plainly if its gateway is cut off, since when, and when it stops.
func TestPageOfAGatewayThatIsCutOff(t *testing.T) {
	synced := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	until, lag := synced.Add(5*time.Minute), 2.5
	const cutOff = "This gateway is cut off from the store that it shares with others."
	for name, test := range map[string]struct {
		link     *status.Link
		want     string
		wantNone string
	}{
		"alone":     {nil, "", "cut off"},
		"connected": {&status.Link{Connected: true, Answers: true, Synced: &synced}, "", "cut off"},
		"cut off": {
			&status.Link{Answers: true, Synced: &synced, AnswersUntil: &until},
			cutOff + " It knows nothing that was written after 2026-03-01 12:00:00 UTC, ", "decides no request",
		},
		"for too long": {
			&status.Link{Synced: &synced, AnswersUntil: &until},
			"and decides no request any more, since 12:05:00 UTC (max_stale).", "stops deciding",
		},
		"for ever": {&status.Link{}, cutOff + " It has never reached it, and decides no request before it does.", "after"},
	} {
		view := newStatusView(status.Status{Link: test.link, Store: status.Status{}.Store}, synced)
		if test.link != nil {
			view.Status.Gateways = []status.Gateway{
				{ID: "a1", Host: "<one>", Self: true, Seen: &synced, Lag: &lag}, {ID: "b2", Host: "two", Seen: &synced, Started: &synced},
			}
		}
		view.Status.Store.Answers = true
		var page bytes.Buffer
		if err := statusTemplate.Execute(&page, view); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(page.String()), " ")
		if !strings.Contains(text, test.want) || strings.Contains(text, test.wantNone) {
			t.Errorf("%s: the page is %s", name, text)
		}
		row := `<td>&lt;one&gt; <span class="faint">this one</span></td><td>2.5s</td>`
		if strings.Contains(text, row) != (test.link != nil) || strings.Contains(text, "<td>two</td><td>unknown</td>") != (test.link != nil) {
			t.Errorf("%s: the gateways are not listed as they are: %s", name, text)
		}
	}
}
