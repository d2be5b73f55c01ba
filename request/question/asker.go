// Package question asks the application who a session belongs to, and records the answer in the ledger.
//
// Requests that want to know the same session at the same time share one question. These hold throughout:
//
//   - A question is registered in the ledger before it is sent. An end or a revocation from then on makes its answer void.
//   - A question outlives the request that put it first, and holds nothing of it that the answer does not need.
//   - Where the application can't say, nothing changes.
package question

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Asker asks the application. A nil Asker asks nobody. It never changes, and its methods are safe for concurrent use.
type Asker struct {
	Page     *whoami.Page
	Template *whoami.Template
	Queue    *Queue
	// Sought is where on the page the user is looked for, as it is configured.
	Sought string
	// NegativeTTL is how long an answer that names nobody is remembered.
	NegativeTTL time.Duration
	// Route is what the question goes through. It is nil if that is the rest of the request's own route.
	Route caddyhttp.Handler
	// Cookies names the cookies that the question carries besides those of the session. A name that ends in * stands for all
	// that begin so.
	Cookies []string
}

// Queue holds the questions in flight.
type Queue = whoami.Queue[result]

// NewQueue returns a queue with the limits.
func NewQueue(limits whoami.Limits) (*Queue, error) { return whoami.NewQueue[result](limits) }

// Answer is what became of a question. The zero value knows nothing.
type Answer struct {
	// State is the state of the session.
	State validator.SessionState
	// Session is the active session.
	Session sessions.Session
	// Unkept is why the store did not take the session. It is nil if it did.
	Unkept *ledger.UnkeptError
	// Reason is why the state could not be told.
	Reason validator.Reason
}

// Tells reports whether the application is asked for the attribute.
func (a *Asker) Tells(attribute string) bool {
	if a == nil {
		return false
	}
	_, reads := a.Page.Attributes[attribute]
	return reads
}

// Forget keeps requests from now on from joining a question that was put before.
func (a *Asker) Forget(key sessions.Key) {
	if a != nil {
		a.Queue.Forget(key)
	}
}

// Visitor is the request for whose sake the application is asked.
type Visitor struct {
	Policy *policy.Policy
	Core   *app.Core
	Came   *arrival.Arrival
	// Mark is when the request arrived, in the order of requests and of what is known of the places of cookies.
	Mark cookie.Mark
	// Next is the rest of the request's route.
	Next caddyhttp.Handler
}

// Ask asks whose the session is that came. An answer that is less old than maxAge will do. known reports whether there is a
// record of the session. If the session was ended meanwhile, the answer is about what was before, so Ask asks once more.
func (a *Asker) Ask(visitor Visitor, known bool, maxAge time.Duration) Answer {
	p, came := visitor.Policy, visitor.Came
	found := a.askOnce(visitor, known, maxAge)
	if errors.Is(found.err, ledger.ErrOvertaken) {
		found = a.askOnce(visitor, false, maxAge)
	}
	if errors.Is(found.err, ledger.ErrRevoked) {
		return Answer{State: validator.Revoked}
	}
	switch outcome := found.outcome.(type) {
	case whoami.Identified:
		unkept, isUnkept := errors.AsType[*ledger.UnkeptError](found.err)
		if found.err != nil && !isUnkept {
			p.CouldNotTell(validator.StoreUnavailable, found.err)
			return Answer{State: validator.Undetermined, Reason: validator.StoreUnavailable}
		}
		return Answer{State: validator.Active, Session: found.session, Unkept: unkept}
	case whoami.Nobody:
		if found.err != nil {
			telemetry.CountStoreError(found.err)
			p.Logger.Error("keeping the application's answer", zap.String("realm", came.Realm), zap.Error(found.err))
		}
		return Answer{State: validator.Nobody}
	case whoami.CouldNotTell:
		reason := validator.Reason("whoami_" + outcome.Reason)
		p.CouldNotTell(reason, nil, zap.String("location", outcome.Location), zap.Strings("cookies", outcome.Cookies))
		return Answer{State: validator.Undetermined, Reason: reason}
	}
	return Answer{State: validator.Undetermined}
}

// askOnce puts one question, or joins one that is under way about the same session.
func (a *Asker) askOnce(visitor Visitor, known bool, maxAge time.Duration) result {
	p, core, came := visitor.Policy, visitor.Core, visitor.Came
	r, next := came.Request, visitor.Next
	if a.Route != nil {
		next = a.Route
	}
	isCarried := func(name string) bool { return a.carries(p.Site.Session.Cookies, name) }
	exchange, err := a.Template.Prepare(r, validator.KeepCookies(r.Header["Cookie"], isCarried), next)
	if err != nil {
		return result{outcome: whoami.NotAsked(err)}
	}
	defer exchange.Release()
	client, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	crowded := func(waiting int) { warnOfCrowd(p, r, client, waiting) }
	asked := question{
		asker: a, policy: p, ledger: core.Ledger, key: came.Key(), maxAge: maxAge, exchange: exchange,
		sent: came.Cookies, at: journey.Place(r), arrived: visitor.Mark, span: telemetry.Recording(r.Context()),
	}
	query := whoami.Query{Key: asked.key, Known: known, Client: client, Crowded: crowded}
	found, err := a.Queue.Do(r.Context(), query, asked.put)
	if err != nil {
		outcome := whoami.NotAsked(err)
		telemetry.WhoamiTallies.Note(came.Realm, p.Site.Realm.Dynamic(), outcome, p.App.Now())
		return result{outcome: outcome}
	}
	return found
}

// carries reports whether the question carries the cookie.
func (a *Asker) carries(session validator.SessionCookies, name string) bool {
	return session.Match(name) ||
		slices.ContainsFunc(a.Cookies, func(pattern string) bool { return app.CanBeOneCookie(pattern, name) })
}

// answered returns what is known by now, and whether that will do. Known is also the active session that is asked about again.
func (q question) answered() (found result, known sessions.Session, ok bool) {
	record, active, err := q.ledger.Active(context.Background(), q.key)
	switch {
	case err != nil:
		return result{}, sessions.Session{}, false
	case active && q.policy.IsCurrent(record, q.maxAge, q.policy.App.Now()):
		return result{outcome: whoami.Identified{User: record.User, Attributes: record.Attributes}, session: record}, record, true
	case !active && q.ledger.IsNobody(context.Background(), q.key):
		return result{outcome: whoami.Nobody{Reason: whoami.NoMatch}}, sessions.Session{}, true
	case !active:
		return result{}, sessions.Session{}, false
	}
	return result{}, record, false
}
