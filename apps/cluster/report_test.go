package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The rows of the table.
const (
	revokedConnected = "revoked; both gateways connected"
	endedConnected   = "signed out; both gateways connected"
	learnedSlowly    = "revoked or signed out; the gateway's way to the server is slow"
	revokedApart     = "revoked while the gateway was cut off or down; from when it could reach the server again"
	reconnected      = "connected again, from when the gateway could reach the server"
	endedUnwritten   = "signed out at a gateway that could not tell the others"
	tokenConnected   = "answer on the token path; connected"
	tokenApart       = "answer on the token path; cut off"
	lookedUp         = "answer on the session path"
)

// rows are the rows in their order, each with its bound.
var rows = []struct{ name, bound string }{
	{revokedConnected, "1 s"},
	{endedConnected, "1 s"},
	{learnedSlowly, "1 s; each round trip takes " + (2 * slowness).String()},
	{revokedApart, "1 s, once it says that it is connected"},
	{reconnected, ""},
	{endedUnwritten, "the lifetime of a token: " + lifetime.String()},
	{tokenConnected, ""},
	{tokenApart, ""},
	{lookedUp, ""},
}

// report is what the test has measured.
type report struct {
	skipped atomic.Int64 // requests that were not sent, since too many were under way

	mutex    sync.Mutex
	start    time.Time
	requests int
	statuses map[int]int
	times    map[string][]time.Duration
	told     map[string]int
}

func newReport() *report {
	return &report{start: time.Now(), statuses: make(map[int]int), times: make(map[string][]time.Duration), told: make(map[string]int)}
}

// count counts an answer.
func (r *report) count(a answer) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.requests++
	r.statuses[a.status]++
}

// answered notes how long an answer took.
func (r *report) answered(row string, took time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.times[row] = append(r.times[row], took)
}

// samples returns how many there are for a row.
func (r *report) samples(row string) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.times[row])
}

// learned notes the first answer of a gateway that did not admit what another one has taken away.
func (r *report) learned(ruled *ruling, a answer, sky *weather, p *pulse) {
	ruled.mutex.Lock()
	acknowledged, by, unwritten := ruled.acknowledged, ruled.by, ruled.unwritten
	ruled.mutex.Unlock()
	if a.gateway == by {
		return
	}
	row, from := revokedConnected, acknowledged
	switch {
	case unwritten:
		row = endedUnwritten
	case sky.met(acknowledged, a.came, apart):
		row = revokedApart
		from = later(later(from, sky.ended(severed, a.came)), sky.ended(dead, a.came))
		if sky.met(acknowledged, a.came, severed) && from.Equal(acknowledged) {
			return // it refuses for another reason
		}
	case sky.met(acknowledged, a.came, slowed):
		row = learnedSlowly
	case ruled.verdict == signedOut:
		row = endedConnected
	}
	r.answered(row, max(0, a.came.Sub(from)-p.missed(from, a.came)))
}

// recent returns the longest times of the rows that the bounds are about since it was last called.
func (r *report) recent() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	text := ""
	for _, row := range []string{revokedConnected, revokedApart, reconnected, endedUnwritten, tokenApart} {
		if fresh := r.times[row][r.told[row]:]; len(fresh) > 0 {
			text += fmt.Sprintf("; %s: %d, at most %s", row, len(fresh), inMilliseconds(slices.Max(fresh)))
		}
		r.told[row] = len(r.times[row])
	}
	return text
}

// table returns what was measured, in Markdown.
func (r *report) table(title string) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	took := time.Since(r.start)
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d requests in %.0f s (%.0f a second), %d of them answered 200, %d answered 401, %d answered 503, %d without an answer\n\n",
		title, r.requests, took.Seconds(), float64(r.requests)/took.Seconds(), r.statuses[200], r.statuses[401], r.statuses[503], r.statuses[0])
	text.WriteString("| what | times | p50 | p99 | max | bound |\n|---|---:|---:|---:|---:|---|\n")
	for _, row := range rows {
		times := slices.Sorted(slices.Values(r.times[row.name]))
		if len(times) == 0 {
			continue
		}
		fmt.Fprintf(&text, "| %s | %d | %s | %s | %s | %s |\n", row.name, len(times),
			inMilliseconds(quantile(times, 0.5)), inMilliseconds(quantile(times, 0.99)), inMilliseconds(times[len(times)-1]), row.bound)
	}
	return text.String()
}

// quantile returns a quantile of times that are sorted.
func quantile(times []time.Duration, q float64) time.Duration {
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

func inMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}
