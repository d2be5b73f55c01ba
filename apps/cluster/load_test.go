package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// realm is what the gateways call the application.
const realm = "shop"

// visit asks for a page, and signs in first who is signed out.
func (c *cluster) visit(one *account) {
	l := one.current.Load()
	if l == nil {
		c.signIn(one)
		return
	}
	r := request{method: http.MethodGet, path: "/page", login: l, cookie: true}
	if one.keeps {
		r.token = l.newest()
	}
	a := c.send(anyGateway(), r)
	if a.token != "" && one.keeps {
		l.keep(a.token, a.sent)
	}
	if a.clearsToken {
		l.drop(r.token)
	}
	if a.status == http.StatusUnauthorized {
		one.current.CompareAndSwap(l, nil) // it was judged; he signs in again
	}
}

// signIn opens a session of somebody who has none.
func (c *cluster) signIn(one *account) {
	if c.closed.Load() || !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	if one.current.Load() != nil {
		return
	}
	if one.partner {
		c.add(one)
		return
	}
	gateway := anyGateway()
	a := c.exchange(gateway, request{method: http.MethodPost, path: "/login?user=" + url.QueryEscape(one.user)})
	c.report.count(a)
	c.signedIn(one, a)
}

// signedIn takes the session that the answer to a sign-in sets.
func (c *cluster) signedIn(one *account, a answer) {
	sky := c.skies[a.gateway]
	switch {
	case a.err != nil && sky.met(a.sent, a.came, dead):
		return
	case a.err != nil || a.status != http.StatusOK || !a.setsSession:
		c.fault(fmt.Sprintf("signing in at gateway %d: status %d, error %v, a session %t", a.gateway, a.status, a.err, a.setsSession))
		return
	}
	l := &login{id: a.session, user: one.user, opened: a.came}
	// What a gateway saw that was apart, the others may learn late: to them he may still be the one who was revoked.
	l.lenient = one.last != nil && (sky.met(a.sent, a.came, apart, unsettled) || one.mayMiss(a.gateway, a.sent))
	one.current.Store(l)
}

// add opens a session by the admin API.
func (c *cluster) add(one *account) {
	l := &login{id: c.app.open(one.user, false), user: one.user}
	gateway := anyGateway()
	begun := time.Now()
	err := c.gates[gateway].call(http.MethodPost, "sessions", object("realm", realm, "id", l.id, "user", one.user, "expires_in", 3600), nil)
	l.opened = time.Now()
	if err == nil {
		if c.losing.Load() { // nobody knows whether it came before that
			l.lose()
		}
		one.current.Store(l)
		if c.losing.Load() {
			l.lose()
		}
		return
	}
	if !isUnreachable(err) || !c.skies[gateway].met(begun, l.opened, apart, unsettled, dead) {
		c.fault(fmt.Sprintf("adding a session at gateway %d: %v", gateway, err))
	}
}

// object returns a JSON object of names and values in turn.
func object(members ...any) string {
	all := make(map[string]any)
	for i := 0; i < len(members); i += 2 {
		all[members[i].(string)] = members[i+1]
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// signOut ends somebody's session.
func (c *cluster) signOut(one *account) {
	if c.closed.Load() || !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	l := one.current.Load()
	if l == nil {
		return
	}
	if one.partner {
		c.endByAdmin(one, l)
		return
	}
	c.leave(one, l, "/logout")
}

// leave sends a request after which the application has ended the session.
func (c *cluster) leave(one *account, l *login, path string) answer {
	r := request{method: http.MethodPost, path: path, login: l, cookie: true}
	if one.keeps {
		r.token = l.newest()
	}
	gateway := anyGateway()
	ruling := c.begin(&ruling{verdict: signedOut, login: l})
	a := c.send(gateway, r)
	switch {
	case a.err == nil && a.status == http.StatusOK && a.reached:
		one.current.Store(nil)
		// Where the cookie did not go upstream, the application has ended nothing.
		if c.app.isAlive(l.id) {
			ruling.cancel()
			l.excuse()
			return a
		}
		ruling.acknowledge(gateway, a.came, c.skies[gateway].met(a.sent, a.came, apart, unsettled))
		c.finish(ruling)
	case c.app.isAlive(l.id):
		ruling.cancel()
	default:
		one.current.Store(nil) // nobody knows how far it came
	}
	return a
}

// signInAsAnother signs in over a session of somebody else, in the same browser.
func (c *cluster) signInAsAnother(one *account) {
	other := c.accounts[rand.IntN(customers)]
	if c.closed.Load() || one.partner || one == other || !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	if !other.changing.TryLock() {
		return
	}
	defer other.changing.Unlock()
	l := one.current.Load()
	if l == nil || other.current.Load() != nil {
		return
	}
	a := c.leave(one, l, "/login?user="+url.QueryEscape(other.user))
	if a.err == nil && a.reached && a.setsSession {
		c.signedIn(other, a)
	}
}

// endByAdmin ends a session by the admin API.
func (c *cluster) endByAdmin(one *account, l *login) {
	gateway := anyGateway()
	ruling := c.begin(&ruling{verdict: signedOut, login: l})
	one.current.Store(nil)
	err := c.gates[gateway].call(http.MethodPost, "sessions/end", object("realm", realm, "session", l.id), nil)
	now := time.Now()
	if err == nil {
		ruling.acknowledge(gateway, now, false)
		c.finish(ruling)
		return
	}
	if !isUnreachable(err) || !c.skies[gateway].met(ruling.begun, now, apart, unsettled, dead) {
		l.mutex.Lock()
		lenient := l.lenient
		l.mutex.Unlock()
		if !lenient { // one that was lost is not known
			c.fault(fmt.Sprintf("ending a session at gateway %d: %v", gateway, err))
		}
	}
}

// begin notes that a ruling is about to be requested.
func (c *cluster) begin(r *ruling) *ruling {
	c.mutex.Lock()
	delete(c.lifted, r.subject)
	c.mutex.Unlock()
	r.begun = time.Now()
	r.login.take(r)
	return r
}

// finish keeps what an acknowledged ruling has hit for those who try it again, and watches how the other gateways learn it.
func (c *cluster) finish(r *ruling) {
	c.mutex.Lock()
	c.rulings = append(c.rulings, r)
	if c.over = append(c.over, r.login); len(c.over) > remembered {
		c.over = c.over[1:]
	}
	c.mutex.Unlock()
	for gateway := range gateways {
		c.probes.Add(1)
		c.busy.Go(func() {
			defer c.probes.Add(-1)
			c.probe(r, gateway)
		})
	}
}

// revoke revokes a user, or his session, or its tokens.
func (c *cluster) revoke(one *account, what verdict) {
	if c.closed.Load() || !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	l := one.current.Load()
	if l == nil {
		return
	}
	r := &ruling{verdict: what, login: l}
	var body string
	switch what {
	case userRevoked:
		r.subject, body = revocation{Kind: "user", Realm: realm, User: one.user}.subject(), object("realm", realm, "user", one.user)
	case everywhere:
		r.subject, body = revocation{Kind: "user_everywhere", User: one.user}.subject(), object("user", one.user)
	case sessRevoked:
		r.subject, body = revocation{Kind: "session", Realm: realm, Session: hashOf(l.id)}.subject(), object("realm", realm, "session", l.id)
	case tokenRevoked, tokensKilled:
		if r.token = l.newest(); r.token == nil || time.Until(r.token.expires) < lifetime/4 {
			return
		}
		body = object("token", r.token.text)
		if what == tokenRevoked {
			r.subject, body = revocation{Kind: "token", TokenID: hashOf(r.token.id)}.subject(), object("jti", r.token.id, "exp", r.token.expires.Unix())
		}
	default:
		return
	}
	if !what.ofToken() {
		one.last = r
	}
	c.begin(r)
	if c.request(r, body) && !what.ofToken() {
		one.current.Store(nil)
	}
}

// request asks gateways for a revocation until one acknowledges it, and reports whether one did.
func (c *cluster) request(r *ruling, body string) bool {
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	for range 1000 {
		gateway := anyGateway()
		sent := time.Now()
		err := c.gates[gateway].call(http.MethodPost, "revocations", body, nil)
		now, sky := time.Now(), c.skies[gateway]
		switch {
		case err == nil:
			if _, cut := sky.during(severed, sent, now); cut {
				c.fault(fmt.Sprintf("gateway %d acknowledged a revocation without the server", gateway))
			}
			r.acknowledge(gateway, now, false)
			c.finish(r)
			return true
		case !isUnreachable(err) || !sky.met(sent, now, apart, unsettled, dead):
			var refused refusal
			if errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity {
				r.cancel() // the token has expired
				return false
			}
			c.fault(fmt.Sprintf("%s at gateway %d: %v", r.verdict, gateway, err))
		}
		<-ticker.C
	}
	c.fault(fmt.Sprintf("%s: no gateway acknowledges it", r.verdict))
	return false
}

// raid uses a session of a user that no gateway knows at several gateways, while he is revoked.
func (c *cluster) raid(one *account) {
	if c.closed.Load() || one.partner || !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	l := &login{id: c.app.open(one.user, true), user: one.user, opened: time.Now(), lenient: true}
	r := &ruling{
		verdict: userRevoked, login: l, subject: revocation{Kind: "user", Realm: realm, User: one.user}.subject(),
	}
	if current := one.current.Load(); current != nil {
		current.take(r)
	}
	one.last = r
	for gateway := range gateways {
		c.busy.Go(func() {
			a := c.send(gateway, request{method: http.MethodGet, path: "/page", login: l, cookie: true})
			if a.token != "" {
				l.keep(a.token, a.sent)
			}
		})
	}
	c.begin(r)
	if c.request(r, object("realm", realm, "user", one.user)) {
		one.current.Store(nil)
	}
}

// lift takes a revocation back that is in force everywhere.
func (c *cluster) lift() {
	if c.closed.Load() {
		return
	}
	r := c.aRuling()
	if r == nil || r.subject == "" || r.verdict == tokenRevoked || r.isLifted() || !c.known(r) {
		return
	}
	one := c.accountOf(r.login.user)
	if !one.changing.TryLock() {
		return
	}
	defer one.changing.Unlock()
	var body string
	switch r.verdict {
	case userRevoked:
		body = object("realm", realm, "user", r.login.user, "lift", true)
	case everywhere:
		body = object("user", r.login.user, "lift", true)
	default:
		body = object("realm", realm, "session", r.login.id, "lift", true)
	}
	c.mutex.Lock()
	for _, same := range c.rulings {
		if same.subject == r.subject {
			same.lift()
			same.login.excuse()
		}
	}
	delete(c.lifted, r.subject)
	c.mutex.Unlock()
	// If it fails, nobody knows how far it came.
	if c.gates[anyGateway()].call(http.MethodPost, "revocations", body, nil) == nil {
		c.mutex.Lock()
		c.lifted[r.subject] = time.Now()
		c.mutex.Unlock()
	}
}

// accountOf returns the account of a user.
func (c *cluster) accountOf(user string) *account {
	return c.accounts[slices.IndexFunc(c.accounts, func(one *account) bool { return one.user == user })]
}

func (c *cluster) known(r *ruling) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, at := range r.refused {
		if at.IsZero() {
			return false
		}
	}
	return true
}

// aRuling returns one of those that were acknowledged, or nil.
func (c *cluster) aRuling() *ruling {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.rulings) == 0 {
		return nil
	}
	return c.rulings[rand.IntN(len(c.rulings))]
}

// stolen uses a session that is over: with its cookie, with its token, or with both.
func (c *cluster) stolen() {
	c.mutex.Lock()
	var l *login
	if len(c.over) > 0 {
		l = c.over[rand.IntN(len(c.over))]
	}
	c.mutex.Unlock()
	if l == nil {
		return
	}
	r := request{method: http.MethodGet, path: "/page", login: l, cookie: rand.IntN(4) != 0}
	if rand.IntN(3) != 0 {
		r.token = l.newest()
	}
	a := c.send(anyGateway(), r)
	if a.token != "" {
		l.keep(a.token, a.sent)
	}
}

// mixUp sends somebody's session with the token of somebody else.
func (c *cluster) mixUp(one *account) {
	l, other := one.current.Load(), c.accounts[rand.IntN(len(c.accounts))].current.Load()
	if l == nil || other == nil || l == other {
		return
	}
	c.send(anyGateway(), request{method: http.MethodGet, path: "/page", login: l, cookie: true, token: other.newest()})
}
