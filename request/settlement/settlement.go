package settlement

import (
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/grant"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Settlement settles the response to one request. It belongs to the goroutine that serves the request.
type Settlement struct {
	policy *policy.Policy
	asker  *question.Asker
	came   *arrival.Arrival
	found  *outcome.Outcome

	hearing hearing
	now     time.Time

	after after
}

// after is what holds once the response has gone out. It begins with what came, which never changes.
type after struct {
	held    *arrival.Held
	record  *sessions.Session // of the session, where it is known; its user is empty otherwise
	own     *sessions.Session // the one that the response brought: under a new id, or as the named user's
	grant   grant.Grant
	ended   bool // the session that came is over, and no other has begun
	heard   bool // the response named the user of own
	learned bool // and it is the session that the browser has
	moved   bool // the token that came stands for the session under its new id
	unkept  bool // the store does not hold the record
}

// Begin takes on what came and what was found out.
func (s *Settlement) Begin(p *policy.Policy, asker *question.Asker, came *arrival.Arrival, found *outcome.Outcome) {
	s.policy, s.asker, s.came, s.found, s.now = p, asker, came, found, came.Now
	s.after.held, s.after.record = &came.Held, found.Session.Record
	s.after.grant, s.after.ended, s.after.unkept = found.Grant, found.Session.Ended, found.Session.Unkept
}

// Withhold notes that the application does not get the session cookies.
func (s *Settlement) Withhold() { s.hearing.withheld = true }

// KeepToken leaves the token of the browser alone, whatever was decided.
func (s *Settlement) KeepToken() { s.after.grant = nil }

// Before is what counts before the request goes on, or is refused: a request that matches forget_on has ended its session,
// and an unsafe one may sign somebody in, so that what was remembered of nobody is forgotten.
func (s *Settlement) Before() {
	if s.came.Forget {
		s.end()
	}
	s.forgetNobody()
}

// Listen begins to listen for who the response names. What ends the session from now on makes that void.
func (s *Settlement) Listen(listener Listener) {
	if listener.Header == "" || s.found.Core == nil {
		return
	}
	s.hearing.unproven = BringsOtherCredential(s.came.Request, s.came.Journey.Authorization, s.found.Access.State)
	if s.came.Session.Presence == validator.Present && !s.hearing.withheld {
		s.hearing.question = s.found.Core.Ledger.Ask(s.came.Key())
	}
}

// StopListening gives up what was not answered.
func (s *Settlement) StopListening() {
	if s.hearing.question != nil {
		s.hearing.question.Withdraw()
	}
}

// Abandon settles a response that is not the application's: what was asked or learned meanwhile may be from before the
// application acted on the request.
func (s *Settlement) Abandon() { s.Before() }

func (s *Settlement) forgetNobody() {
	if s.found.Core != nil && s.came.Session.Presence == validator.Present &&
		(s.came.Forget || refusal.IsUnsafe(s.came.Request.Method)) {
		if _, byToken := s.found.Verdict.(validator.ByToken); byToken {
			s.found.Core.Ledger.ForgetSoon(s.came.Key()) // the token path waits for no place that gateways share
		} else {
			s.found.Core.Ledger.Forget(s.came.Key())
		}
		s.asker.Forget(s.came.Key())
	}
}

func (s *Settlement) end() {
	s.found.End(s.asker)
	s.after.ended = true
	s.policy.Findings.Ended()
}

// Settle looks at the application's response before its head goes out, and adds what is due of ours. It reports whether the
// response must not go out at all, since it names a revoked user.
func (s *Settlement) Settle(listener Listener, status int, header http.Header) (isWithheld bool) {
	s.now = s.policy.App.Now()
	var came cookie.Exchange // by what the request came with, which the response may change
	if len(header["Set-Cookie"]) > 0 {
		came = s.exchange(header)
	}
	if s.carryOut(s.read(listener, status, header), header) {
		return true
	}
	if s.found.Core != nil && len(came.Lines) > 0 {
		s.found.Core.Ledger.Places().Note(s.came.Realm, came)
	}
	if s.mayAdd() {
		s.write(header, caching.MayCarry(status, header, s.now))
	}
	return false
}

// mayAdd reports whether there can be anything of ours to add to the response. There is nothing with most responses, and
// what caches may do with those need not be known.
func (s *Settlement) mayAdd() bool {
	_, joins := s.came.Carrier.(*carrier.InSession)
	session := &s.found.Session
	return joins || s.after.grant != nil || s.after.ended || session.Revoked || session.Lapsed
}

// write adds our cookies to the header. A response that may not carry any has the application's alone.
func (s *Settlement) write(header http.Header, mayCarry bool) {
	if grant.Makes(s.after.grant) && !s.found.MayMint() { // another request took the claim over, and the cookie is its own
		s.after.grant = nil
	}
	s.joinToken(header, mayCarry)
	if !mayCarry {
		return // a later response will do
	}
	isCleared := s.clearRevoked(header)
	if clearSignIn(s, header) || isCleared {
		caching.KeepPrivate(header)
	}
	if len(header["Set-Cookie"]) > 0 && s.came.Carrier.IsSet(header["Set-Cookie"], journey.Place(s.came.Request), s.now) {
		return // the application has the last word
	}
	if line := s.tokenLine(); line != "" {
		header.Add("Set-Cookie", line)
		caching.KeepPrivate(header)
	}
}

// Refuse clears the token on an answer of our own, which no cache may store.
func (s *Settlement) Refuse(header http.Header) {
	header.Set("Cache-Control", "no-store")
	if line := s.clearLine(); line != "" {
		header.Add("Set-Cookie", line)
	}
	s.clearRevoked(header)
	clearSignIn(s, header)
}
