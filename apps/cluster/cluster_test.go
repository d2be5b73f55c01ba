package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

const (
	gateways = 3
	// rate is how many requests come in a second, over all gateways and without those of the probes.
	rate = 200
	// bound is how long a gateway that is connected may not know what another one has acknowledged.
	bound = time.Second

	customers = 120
	partners  = 12
	// remembered is how many sessions that are over are tried again.
	remembered = 600
	// maxFaults is how many faults are told.
	maxFaults = 25
)

// cluster is three gateways on one server, the application behind them, and their users.
type cluster struct {
	t      *testing.T
	server *redistest.Server
	app    *application
	gates  [gateways]*gateway
	skies  [gateways]*weather
	pulse  *pulse
	report *report

	accounts []*account
	closed   atomic.Bool    // nobody acts on sessions any more
	losing   atomic.Bool    // the store is losing what it has
	busy     sync.WaitGroup // requests and probes
	probes   atomic.Int64   // that have not seen a refusal yet
	phase    atomic.Pointer[string]

	mutex   sync.Mutex
	over    []*login // that were signed out or revoked
	rulings []*ruling
	lifted  map[string]time.Time // when a revocation was taken back, by its subject
	faults  int
}

func newCluster(t *testing.T, server *redistest.Server) *cluster {
	t.Helper()
	c := &cluster{t: t, server: server, pulse: new(pulse), report: newReport(), lifted: make(map[string]time.Time)}
	c.enter("start")
	c.app = newApplication(t, c.fault)
	var starting sync.WaitGroup
	for i := range c.gates {
		c.gates[i] = newGateway(t, i, server.Address(), c.app.address())
		c.skies[i] = &c.gates[i].weather
	}
	for _, gate := range c.gates {
		starting.Go(gate.start)
	}
	starting.Wait()
	for _, gate := range c.gates {
		gate.begin(apart, unsettled) // until they have settled
	}
	for i := range customers {
		c.accounts = append(c.accounts, &account{user: fmt.Sprintf("customer-%d", i), keeps: i%6 != 0})
	}
	for i := range partners {
		c.accounts = append(c.accounts, &account{user: fmt.Sprintf("partner-%d", i), partner: true, keeps: i%2 != 0})
	}
	return c
}

func (c *cluster) enter(phase string) { c.phase.Store(&phase) }

// fault tells of something that must not be.
func (c *cluster) fault(text string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.faults++; c.faults <= maxFaults {
		c.t.Errorf("while %s: %s", *c.phase.Load(), text)
	}
}

// use sends requests at the rate until ctx is done, and waits for their answers.
func (c *cluster) use(ctx context.Context) {
	ticker := time.NewTicker(time.Second / rate)
	defer ticker.Stop()
	start, launched := time.Now(), 0
	crowd := make(chan struct{}, 4*rate) // so many are under way
	for ctx.Err() == nil {
		<-ticker.C
		for due := int(time.Since(start).Seconds() * rate); launched < due; launched++ {
			select {
			case crowd <- struct{}{}:
				c.busy.Go(func() {
					c.act()
					<-crowd
				})
			default:
				c.report.skipped.Add(1)
			}
		}
	}
	c.closed.Store(true)
	c.busy.Wait()
}

// act is one thing that somebody does.
func (c *cluster) act() {
	one := c.accounts[rand.IntN(len(c.accounts))]
	switch what := rand.IntN(1000); {
	case what < 150:
		c.stolen()
	case what < 170:
		c.mixUp(one)
	case what < 195:
		c.signOut(one)
	case what < 202:
		c.signInAsAnother(one)
	case what < 212:
		c.revoke(one, userRevoked)
	case what < 215:
		c.revoke(one, everywhere)
	case what < 225:
		c.revoke(one, sessRevoked)
	case what < 233:
		c.revoke(one, tokenRevoked)
	case what < 238:
		c.revoke(one, tokensKilled)
	case what < 243:
		c.raid(one)
	case what < 247:
		c.lift()
	default:
		c.visit(one)
	}
}

// request is what somebody sends.
type request struct {
	method, path string
	login        *login
	cookie       bool   // the session cookie is sent
	token        *token // nil: none
}

// send sends a request to a gateway, and judges the answer.
func (c *cluster) send(gateway int, r request) answer {
	a := c.exchange(gateway, r)
	if r.login != nil {
		if fault := judge(a, c.factsOf(a, r)); fault != "" {
			c.fault(c.describe(a, r) + ": " + fault)
		}
	}
	c.report.count(a)
	switch {
	case a.via == "session":
		c.report.answered(lookedUp, a.came.Sub(a.sent))
	case a.via == "token" && c.skies[gateway].met(a.sent, a.came, apart):
		c.report.answered(tokenApart, a.came.Sub(a.sent))
	case a.via == "token":
		c.report.answered(tokenConnected, a.came.Sub(a.sent))
	}
	return a
}

func (c *cluster) exchange(gateway int, r request) answer {
	gate := c.gates[gateway]
	a := answer{gateway: gateway}
	sent, err := http.NewRequestWithContext(context.Background(), r.method, "http://"+gate.address+r.path, nil)
	if err != nil {
		a.err = err
		return a
	}
	var cookies []string
	if r.login != nil && r.cookie {
		cookies = append(cookies, sessionCookie+"="+r.login.id)
	}
	if r.token != nil {
		cookies = append(cookies, tokenCookie+"="+r.token.text)
	}
	if cookies != nil {
		sent.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	a.sent = time.Now()
	response, err := gate.client.Do(sent)
	if err != nil {
		a.came, a.err = time.Now(), err
		return a
	}
	drain(response)
	a.came, a.status = time.Now(), response.StatusCode
	a.reached = response.Header.Get(ownerHeader) != ""
	a.identity, a.via, a.reason = response.Header.Get(identityHeader), response.Header.Get(viaHeader), response.Header.Get(reasonHeader)
	for _, cookie := range response.Cookies() {
		switch {
		case cookie.Name == sessionCookie && cookie.MaxAge >= 0:
			a.session, a.setsSession = cookie.Value, true
		case cookie.Name == tokenCookie && cookie.MaxAge >= 0:
			a.token = cookie.Value
		case cookie.Name == tokenCookie:
			a.clearsToken = true
		}
	}
	return a
}

// describe names a request without what it carries.
func (c *cluster) describe(a answer, r request) string {
	r.login.mutex.Lock()
	defer r.login.mutex.Unlock()
	text := fmt.Sprintf("%s %s of %s at gateway %d, cookie %t", r.method, r.path, r.login.user, a.gateway, r.cookie)
	if r.token != nil {
		text += fmt.Sprintf(", token set %s before", a.sent.Sub(r.token.sent).Round(time.Millisecond))
	}
	text += fmt.Sprintf(", session opened %s before", a.sent.Sub(r.login.opened).Round(time.Millisecond))
	all := slices.Clone(r.login.rulings)
	for _, one := range r.login.tokens { // a ruling about one of them may hit others, too
		all = append(all, one.rulings...)
	}
	for _, ruling := range all {
		ruling.mutex.Lock()
		text += fmt.Sprintf(", %s by gateway %d, begun %s, acknowledged %s before", ruling.verdict, ruling.by,
			a.sent.Sub(ruling.begun).Round(time.Millisecond), a.sent.Sub(ruling.acknowledged).Round(time.Millisecond))
		if ruling.unwritten {
			text += " (perhaps not written)"
		}
		ruling.mutex.Unlock()
	}
	return text + fmt.Sprintf("; it took %s", a.came.Sub(a.sent).Round(time.Millisecond))
}

// factsOf returns what is known of a request whose answer has come.
func (c *cluster) factsOf(a answer, r request) facts {
	sky := c.skies[a.gateway]
	l := r.login
	l.mutex.Lock()
	defer l.mutex.Unlock()
	f := facts{
		user: l.user, untouched: r.cookie, lenient: l.lenient,
		died: sky.met(a.sent, a.came, dead), away: sky.met(a.sent, a.came, apart, unsettled),
	}
	f.mayStop = c.mayStop(a)
	if s, lasts := sky.during(severed, a.sent.Add(-maxStale), a.came); lasts {
		f.mustStop = a.sent.Sub(s.from) > maxStale+500*time.Millisecond+c.pulse.missed(s.from, a.came)
	}
	for _, ruling := range l.rulings {
		effect := ruling.effectOn(a, &c.skies, c.pulse)
		f.untouched = f.untouched && !effect.mayHit
		f.until = earlier(f.until, effect.until)
	}
	if r.token == nil {
		return f
	}
	f.token = !l.lost && slices.Contains(l.tokens, r.token) && a.came.Before(r.token.expires.Add(-time.Second))
	for _, one := range l.tokens {
		for _, ruling := range one.rulings {
			effect := ruling.effectOn(a, &c.skies, c.pulse)
			if !effect.mayHit {
				continue
			}
			switch {
			case one == r.token:
				f.token = false
				f.tokenUntil = earlier(f.tokenUntil, effect.until)
			case ruling.verdict == tokensKilled && r.token.sent.Before(ruling.end()):
				f.token = false // it may be one of those that were minted before
			}
		}
	}
	return f
}

// end returns when a ruling was acknowledged, or a time that never comes.
func (r *ruling) end() time.Time {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.acknowledged.IsZero() {
		return time.Now().Add(time.Hour)
	}
	return r.acknowledged
}

// mayStop reports whether the gateway may have heard nothing for max_stale before it answered.
func (c *cluster) mayStop(a answer) bool {
	sky := c.skies[a.gateway]
	sky.mutex.Lock()
	defer sky.mutex.Unlock()
	for _, s := range sky.spans[apart] {
		// It says every second that it is there.
		if s.meets(a.sent, a.came) && a.came.Sub(s.from) > maxStale-2*time.Second {
			return true
		}
	}
	return false
}

// anyGateway returns the number of one.
func anyGateway() int { return rand.IntN(gateways) }
