package cluster

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// probeFirst and probeLast are the first and the longest pause between two probes of one gateway.
	probeFirst, probeLast = 10 * time.Millisecond, 250 * time.Millisecond
	// probeLimit is after what time a gateway must refuse whatever has happened.
	probeLimit = lifetime + maxStale + 30*time.Second
)

// probe uses what a ruling has taken away at a gateway, again and again, until that refuses it.
func (c *cluster) probe(r *ruling, gateway int) {
	sky := c.skies[gateway]
	var first answer // since it was last admitted
	for pause := probeFirst; !r.isLifted(); pause = min(pause*3/2, probeLast) {
		token := r.token
		if token == nil {
			token = r.login.newest()
		}
		a := c.send(gateway, request{method: http.MethodGet, path: "/page", login: r.login, cookie: true, token: token})
		if a.token != "" {
			r.login.keep(a.token, a.sent)
		}
		refused := a.status == http.StatusUnauthorized || r.verdict.ofToken() && a.reached && a.via != "token"
		switch {
		case a.admitted() && !refused:
			first = answer{}
		case a.err == nil && first.came.IsZero():
			first = a
		}
		if a.err == nil && refused {
			r.seenRefused(gateway, a.came)
			if !c.app.wasSlow(r.login.id, first.sent) { // the time is the gateway's
				c.report.learned(r, first, sky, c.pulse)
			}
			return
		}
		if c.closed.Load() && c.t.Failed() {
			return
		}
		if time.Since(r.end()) > probeLimit {
			c.fault(fmt.Sprintf("%s: gateway %d does not refuse it, %s after it was acknowledged", r.verdict, gateway, probeLimit))
			return
		}
		timer := time.NewTimer(pause)
		if together := sky.together(); together != nil {
			timer.Reset(time.Second)
			select {
			case <-together:
				pause = probeFirst
			case <-timer.C:
			}
		} else {
			<-timer.C
		}
		timer.Stop()
	}
}

// nearEnd is how long before its expiry a revocation of a token may be gone.
const nearEnd = 5 * time.Second

// settleTime is how long the gateways may take to be equal again.
const settleTime = 30 * time.Second

// settle waits until all gateways are connected and equal, and have nothing forgotten.
func (c *cluster) settle() {
	c.t.Helper()
	for _, gate := range c.gates {
		gate.wait("the connection to the server", settleTime, gate.isConnected)
		now := time.Now()
		if reachable := later(gate.ended(severed, now), gate.ended(dead, now)); gate.now(apart) && !reachable.IsZero() {
			c.report.answered(reconnected, now.Sub(reachable))
		}
		gate.end(apart)
	}
	for _, gate := range c.gates {
		gate.wait("a session in the store", settleTime, func() bool { return c.finds(gate) })
		gate.end(unsettled)
	}
	c.until("all gateways refuse what was taken away", func() string {
		if left := c.probes.Load(); left > int64(len(c.gates)*8) { // the load goes on
			return fmt.Sprintf("%d probes go on", left)
		}
		return ""
	})
	c.until("equal revocations on all gateways", c.difference)
}

// until waits until there is nothing in the way.
func (c *cluster) until(what string, obstacle func() string) {
	c.t.Helper()
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	for deadline := time.Now().Add(settleTime); ; <-ticker.C {
		found := obstacle()
		if found == "" {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("while %s, after %s: never came: %s: %s\n%s", *c.phase.Load(), settleTime, what, found, c.logs())
		}
	}
}

func (c *cluster) logs() string {
	var all strings.Builder
	for _, gate := range c.gates {
		fmt.Fprintf(&all, "gateway %d:\n%s\n", gate.number, gate.output.tail())
	}
	return all.String()
}

// finds reports whether a gateway finds out who somebody is without a token.
func (c *cluster) finds(gate *gateway) bool {
	l := &login{id: c.app.open("visitor", true), user: "visitor"}
	a := c.exchange(gate.number, request{method: http.MethodGet, path: "/page", login: l, cookie: true})
	return a.admitted()
}

// difference returns in what the gateways' lists of revocations differ from one another or from what was acknowledged. What is
// younger than the bound is left out.
func (c *cluster) difference() string {
	settled := time.Now().Add(-bound)
	c.mutex.Lock()
	wanted := make(map[string]bool)
	for _, r := range c.rulings {
		if r.token != nil && time.Until(r.token.expires) < nearEnd {
			continue
		}
		if r.subject != "" && !r.isLifted() && r.end().Before(settled) {
			wanted[r.subject] = true
		}
	}
	lifted := maps.Clone(c.lifted)
	c.mutex.Unlock()
	maps.DeleteFunc(lifted, func(_ string, at time.Time) bool { return !at.Before(settled) })
	var lists [gateways]map[string]revocation
	for i, gate := range c.gates {
		list, err := gate.revocations()
		if err != nil {
			return fmt.Sprintf("gateway %d: %v", i, err)
		}
		lists[i] = list
	}
	for subject := range wanted {
		for i, list := range lists {
			if _, listed := list[subject]; !listed && !c.isLifted(subject) {
				return fmt.Sprintf("gateway %d has lost %s; it lists %d: %q", i, subject, len(list), slices.Sorted(maps.Keys(list))[:min(3, len(list))])
			}
		}
	}
	for subject := range lifted {
		for i, list := range lists {
			if _, listed := list[subject]; listed && c.stillLifted(subject) {
				return fmt.Sprintf("gateway %d lists what was taken back: %s", i, subject)
			}
		}
	}
	for i, list := range lists {
		other := (i + 1) % gateways
		for subject, one := range list {
			fresh := one.Since == nil || one.Since.After(settled.Add(-time.Second)) // a token has no such time
			if fresh || time.Until(one.Expires) < nearEnd || c.isLifted(subject) {
				continue
			}
			if also, listed := lists[other][subject]; !listed {
				return fmt.Sprintf("gateway %d lists what gateway %d does not: %s", i, other, subject)
			} else if one.Since != nil && also.Since != nil && !also.Since.Equal(*one.Since) && also.Since.Before(settled.Add(-time.Second)) {
				return fmt.Sprintf("gateways %d and %d disagree since when %s is in force: %s, %s", i, other, subject, one.Since, also.Since)
			}
		}
	}
	return ""
}

// isLifted reports whether a revocation was taken back at any time, or that was tried, and it was not made again.
func (c *cluster) isLifted(subject string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := len(c.rulings) - 1; i >= 0; i-- {
		if r := c.rulings[i]; r.subject == subject {
			return r.isLifted()
		}
	}
	return false
}

// stillLifted reports whether a revocation was taken back, and nobody has begun to make it again.
func (c *cluster) stillLifted(subject string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	_, lifted := c.lifted[subject]
	return lifted
}
