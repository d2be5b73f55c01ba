package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// TestModel does everything in any order, with several questions in flight and a storage that fails now and then, and
// checks after every step what a ledger promises.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		defer func() { _ = f.Close() }()
		m := &model{fixture: f, rt: rt}
		rt.Repeat(map[string]func(*rapid.T){
			"ask":        m.ask,
			"identified": m.identified,
			"nobody":     m.nobody,
			"withdraw":   m.withdraw,
			"forget":     m.forget,
			"end":        m.end,
			"add":        m.add,
			"kill":       m.kill,
			"use":        m.use,
			"wait":       m.wait,
			"tick":       func(t *rapid.T) { m.retry(ctx); m.sweep(ctx) },
			"fail":       m.fail,
			"recover":    m.recover,
			"crash":      m.crashed,
			"":           m.check,
		})
	})
}

var ctx = context.Background()

// credential is a token, or a request in flight that may still be answered with one.
type credential struct {
	user     string
	authTime int64
	until    time.Time // a token that is minted for it ends here at the latest
	dead     bool
}

type asked struct {
	*Question
	void, forgotten bool
	unsure          bool // a failure left open what became of it
}

type model struct {
	*fixture
	rt          *rapid.T
	failing     bool
	questions   []*asked
	credentials []credential
	ended       int64 // the latest second at which the session ended
}

func (m *model) hand(session sessions.Session) {
	// A token ends a lifetime after the confirmation, and with the record.
	until := session.Confirmed.Add(tokenLife)
	if session.Expires.Before(until) {
		until = session.Expires
	}
	m.credentials = append(m.credentials, credential{user: session.User, authTime: session.AuthTime, until: until})
}

// allDead notes that the session has ended just now, so that all that was handed out so far is dead.
func (m *model) allDead() {
	m.ended = max(m.ended, m.clock().Unix())
	m.areDead()
}

// areDead notes that all that was handed out is dead, by an end now or before.
func (m *model) areDead() {
	for i := range m.credentials {
		m.credentials[i].dead = true
	}
	m.overtaken()
}

func (m *model) overtaken() {
	for _, q := range m.questions {
		q.void = true
	}
}

// begun checks a session that did not go on from what was before, if that had ended.
func (m *model) begun(session sessions.Session, user string) {
	if session.User != user || session.AuthTime <= m.ended {
		m.rt.Fatalf("session of %q with AuthTime %d, after an end at %d", session.User, session.AuthTime, m.ended)
	}
	for _, c := range m.credentials {
		if c.dead && session.AuthTime <= c.authTime {
			m.rt.Fatalf("AuthTime %d, and %d is dead", session.AuthTime, c.authTime)
		}
	}
	m.hand(session)
}

func (m *model) is(user string) bool {
	session, active, _ := m.Active(ctx, shop)
	return active && session.User == user
}

func (m *model) isActive() bool {
	_, active, err := m.Active(ctx, shop)
	return active && err == nil
}

func (m *model) user(t *rapid.T) string {
	return rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
}

func (m *model) ask(*rapid.T) { m.questions = append(m.questions, &asked{Question: m.Ask(shop)}) }

func (m *model) takeQuestion(t *rapid.T) *asked {
	if len(m.questions) == 0 {
		t.Skip("no question in flight")
	}
	i := rapid.IntRange(0, len(m.questions)-1).Draw(t, "question")
	q := m.questions[i]
	m.questions = append(m.questions[:i:i], m.questions[i+1:]...)
	return q
}

// answered checks whether the answer was taken as it should.
func (m *model) answered(q *asked, err error) bool {
	overtaken := errors.Is(err, ErrOvertaken)
	if overtaken != q.void && !q.unsure {
		m.rt.Fatalf("overtaken is %v, want %v (%v)", overtaken, q.void, err)
	}
	if err != nil && !overtaken && !m.failing {
		m.rt.Fatalf("answering: %v", err)
	}
	return !overtaken
}

func (m *model) identified(t *rapid.T) {
	q, user := m.takeQuestion(t), m.user(t)
	before, active, _ := m.Active(ctx, shop)
	session, err := q.Identified(ctx, Identity{User: user}, lives)
	if !m.answered(q, err) {
		return
	}
	if err != nil {
		m.unsure()
		return
	}
	if active && before.User != user {
		m.allDead()
	}
	if active && before.User == user && session.AuthTime != before.AuthTime {
		m.rt.Fatal("a confirmed session has another AuthTime")
	}
	m.begun(session, user)
}

// unsure: a failing step may or may not have ended what was there.
func (m *model) unsure() {
	for _, q := range m.questions {
		q.unsure = true
	}
}

func (m *model) nobody(t *rapid.T) {
	q, active := m.takeQuestion(t), m.isActive()
	remembered := m.IsNobody(ctx, shop)
	err := q.Nobody(ctx, 3*time.Second)
	switch {
	case !m.answered(q, err):
	case active:
		m.allDead()
	case err != nil:
		m.areDead()
	case q.forgotten && m.IsNobody(ctx, shop) && !remembered:
		m.rt.Fatal("remembered though forgotten meanwhile")
	case !q.forgotten && !m.IsNobody(ctx, shop):
		m.rt.Fatal("not remembered")
	}
}

func (m *model) withdraw(t *rapid.T) { m.takeQuestion(t).Withdraw() }

func (m *model) forget(*rapid.T) {
	m.Forget(shop)
	for _, q := range m.questions {
		q.forgotten = true
	}
}

func (m *model) end(t *rapid.T) {
	var proven int64
	if len(m.credentials) > 0 && rapid.Bool().Draw(t, "with a token") {
		c := rapid.SampledFrom(m.credentials).Draw(t, "token")
		if dead, _ := m.TokenDead(SubjectsOf("jti", shop, "ann"), c.authTime); !dead && m.clock().Before(c.until) {
			proven = c.authTime
		}
	}
	active := m.isActive()
	ended, err := m.End(ctx, shop, proven)
	if err != nil && !m.failing {
		m.rt.Fatalf("End: %v", err)
	}
	if !ended && (active || proven > 0) {
		m.rt.Fatal("nothing was ended")
	}
	switch m.overtaken(); {
	case ended:
		m.allDead()
	case err != nil:
		m.areDead()
	}
	if m.isActive() || m.IsNobody(ctx, shop) {
		m.rt.Fatal("active, or nobody is remembered, after an end")
	}
}

func (m *model) add(t *rapid.T) {
	user := m.user(t)
	active, same := m.isActive(), m.is(user)
	session, err := m.Add(ctx, shop, Identity{User: user}, lives)
	if err != nil {
		if !m.failing {
			m.rt.Fatalf("Add: %v", err)
		}
		m.unsure()
		return
	}
	if m.overtaken(); active && !same {
		m.allDead()
	}
	m.begun(session, user)
}

func (m *model) kill(t *rapid.T) {
	before, active, _ := m.Active(ctx, shop)
	err := m.KillTokens(ctx, shop, rapid.SampledFrom([]int64{0, before.AuthTime}).Draw(t, "auth_time"))
	if err != nil {
		if !m.failing {
			m.rt.Fatalf("KillTokens: %v", err)
		}
		m.unsure()
		return
	}
	m.allDead()
	after, still, _ := m.Active(ctx, shop)
	asksAgain := after.Source == sessions.Added || after.Confirmed.IsZero()
	if still != active || after.User != before.User || !asksAgain {
		m.rt.Fatalf("%+v became %+v", before, after)
	}
}

// use is a request with the session: what it finds may be answered with a token now or later.
func (m *model) use(*rapid.T) {
	session, active, err := m.Active(ctx, shop)
	if err != nil || !active {
		return
	}
	if err := m.Touch(ctx, session, lives.Idle); err != nil && !m.failing {
		m.rt.Fatalf("Touch: %v", err)
	}
	m.hand(session)
}

func (m *model) wait(t *rapid.T) {
	m.advance(rapid.SampledFrom([]time.Duration{
		time.Millisecond, 400 * time.Millisecond, time.Second, 30 * time.Second, 2 * time.Minute, 31 * time.Minute,
	}).Draw(t, "time"))
}

func (m *model) fail(t *rapid.T) {
	m.failing = true
	if rapid.Bool().Draw(t, "journal") {
		m.memory.journal.Fail(true)
	}
	m.memory.fail(true, rapid.SampledFrom([]string{"Get", "Put", "Update", "Delete"}).Draw(t, "method"))
}

func (m *model) recover(*rapid.T) {
	m.failing = false
	m.failAll(false)
}

// crashed loses nothing that was durable. What failed must have been tried again before.
func (m *model) crashed(t *rapid.T) {
	m.recover(t)
	m.retry(ctx)
	m.questions = nil
	m.crash()
}

func (m *model) check(*rapid.T) {
	now := m.clock()
	for _, c := range m.credentials {
		if !c.dead || !now.Before(c.until) {
			continue
		}
		if dead, _ := m.TokenDead(SubjectsOf("jti", shop, "ann"), c.authTime); !dead || m.MayMint(shop, c.authTime) {
			m.rt.Fatalf("a token of %d is alive, or may be minted, though it must be dead", c.authTime)
		}
	}
	session, active, err := m.Active(ctx, shop)
	if err != nil || !active {
		return
	}
	if dead, _ := m.TokenDead(SubjectsOf("jti", shop, "ann"), session.AuthTime); dead {
		m.rt.Fatal("a token of the active session is dead")
	}
	if session.AuthTime <= m.ended {
		m.rt.Fatalf("active since %d, after an end at %d", session.AuthTime, m.ended)
	}
	if m.IsNobody(ctx, shop) {
		m.rt.Fatal("active, and nobody is remembered")
	}
	if may := m.MayMint(shop, session.AuthTime); may == m.blacklist.Pending(endOf(shop)) {
		m.rt.Fatalf("minting is %v for an active session", may)
	}
	for _, c := range m.credentials {
		dead, _ := m.TokenDead(SubjectsOf("jti", shop, "ann"), c.authTime)
		if c.user != session.User && now.Before(c.until) && !dead {
			m.rt.Fatalf("the session is %q's, and a token of %q is alive", session.User, c.user)
		}
	}
}
