package cluster

import (
	"context"
	"sync"
	"testing"
	"time"
)

const (
	// beat is how often the pulse is felt.
	beat = 10 * time.Millisecond
	// late is by how much a beat may be late in a process that runs.
	late = 30 * time.Millisecond
)

// pulse notices when this process did not run: a machine that is suspended or overloaded is no fault of a gateway.
type pulse struct {
	mutex sync.Mutex
	gaps  []span
}

// feel notes each beat that is late, until ctx is done.
func (p *pulse) feel(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		p.felt(last, now)
		last = now
	}
}

// felt notes that the pulse was felt at these two times, and not between them.
func (p *pulse) felt(last, now time.Time) {
	if now.Sub(last) <= beat+late {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.gaps = append(p.gaps, span{last.Add(beat), now})
}

// missed returns for how long the process did not run between two times.
func (p *pulse) missed(from, to time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	sum := time.Duration(0)
	for _, gap := range p.gaps {
		first, last := later(gap.from, from), gap.to
		if last.After(to) {
			last = to
		}
		sum += max(0, last.Sub(first))
	}
	return sum
}

func TestPulse(t *testing.T) {
	t.Parallel()
	var p pulse
	start := time.Now()
	at := func(milliseconds int) time.Time { return start.Add(time.Duration(milliseconds) * time.Millisecond) }
	p.felt(at(0), at(10))
	p.felt(at(10), at(49))
	p.felt(at(100), at(510))
	p.felt(at(600), at(710))
	for _, test := range []struct{ from, to, missed int }{
		{0, 100, 0}, {0, 1000, 500}, {110, 210, 100}, {200, 650, 350}, {800, 900, 0},
	} {
		if got := p.missed(at(test.from), at(test.to)); got != time.Duration(test.missed)*time.Millisecond {
			t.Errorf("from %d to %d: %s, want %d ms", test.from, test.to, got, test.missed)
		}
	}
}
