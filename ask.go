package jwtsession

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// whoamiSource asks the application, and settles its answers in the ledger.
type whoamiSource struct {
	page        *whoami.Page
	template    *whoami.Template
	desk        *whoami.Queue[settlement]
	negativeTTL time.Duration
	route       caddyhttp.Handler // nil: the rest of the handler's own
}

// settlement is what became of a question.
type settlement struct {
	outcome whoami.Outcome
	session sessions.Session // of an identified user
	err     error            // why the answer does not count: it was overtaken, or the store did not take it
}

// reads says whether the page is asked for the attribute.
func (s *whoamiSource) reads(attribute string) bool {
	if s == nil {
		return false
	}
	_, reads := s.page.Attributes[attribute]
	return reads
}

// forget keeps requests from now on from joining a question that was put before.
func (s *whoamiSource) forget(key sessions.Key) {
	if s != nil {
		s.desk.Forget(key)
	}
}

// deskFor returns the desk of a realm: handlers that ask the same page in the same way share it, so that there is one
// question at a time about a session.
func deskFor(of *app.App, realm string, config *Whoami) (*whoami.Queue[settlement], error) {
	return app.Shared(of, "whoami "+realm+" "+config.text, func() (*whoami.Queue[settlement], error) {
		return whoami.NewQueue[settlement](config.deskLimits())
	})
}

// ask asks the application whose session it is. Where the session was ended meanwhile, the answer is about what was
// before, and so is asked for once more.
func (v *visit) ask(known bool, maxAge time.Duration) validator.SessionState {
	result := v.askOnce(known, maxAge)
	if errors.Is(result.err, ledger.ErrOvertaken) {
		result = v.askOnce(false, maxAge)
	}
	if errors.Is(result.err, ledger.ErrRevoked) {
		v.revoked = true
		return validator.Revoked
	}
	switch outcome := result.outcome.(type) {
	case whoami.Identified:
		if unkept, ok := errors.AsType[*ledger.UnkeptError](result.err); ok {
			v.noteUnkept(unkept)
		} else if result.err != nil {
			v.couldNotTell(validator.StoreUnavailable, result.err)
			return validator.Undetermined
		}
		v.record = result.session
		return validator.Active
	case whoami.Nobody:
		if result.err != nil {
			telemetry.CountStoreError(result.err)
			v.logger.Error("keeping the application's answer", zap.String("realm", v.realm), zap.Error(result.err))
		}
		return validator.Nobody
	case whoami.CouldNotTell:
		v.couldNotTell(validator.Reason("whoami_"+outcome.Reason), nil,
			zap.String("location", outcome.Location), zap.Strings("cookies", outcome.Cookies))
	}
	return validator.Undetermined
}

// askOnce puts one question, or joins one that is under way about the same session.
func (v *visit) askOnce(known bool, maxAge time.Duration) settlement {
	cookies := validator.KeepCookies(v.request.Header["Cookie"], v.isAskedWith)
	exchange, err := v.whoami.template.Prepare(v.request, cookies, v.whoami.through(v.next))
	if err != nil {
		return settlement{outcome: whoami.NotAsked(err)}
	}
	defer exchange.Release()
	client, _ := caddyhttp.GetVar(v.request.Context(), caddyhttp.ClientIPVarKey).(string)
	query := whoami.Query{Key: v.key(), Known: known, Client: client}
	// The question outlives this visit, so it must not hold on to it.
	question := question{
		Handler: v.Handler, ledger: v.gateway.Ledger, key: v.key(), exchange: exchange, maxAge: maxAge,
		lifetimes: ledger.Lifetimes{Idle: time.Duration(v.SessionIdleTimeout), MaxAge: time.Duration(v.SessionMaxAge)},
		sent:      v.cookies, span: telemetry.Recording(v.request.Context()), at: journey.Place(v.request), arrived: v.arrived,
	}
	result, err := v.whoami.desk.Do(v.request.Context(), query, question.put)
	if err != nil {
		outcome := whoami.NotAsked(err)
		telemetry.WhoamiTallies.Note(v.realm, v.Handler.realm.Dynamic(), outcome, v.app.Now())
		return settlement{outcome: outcome}
	}
	return result
}

// question is one question to the application.
type question struct {
	*Handler

	ledger    *ledger.Ledger
	key       sessions.Key
	maxAge    time.Duration // of an answer that would do
	lifetimes ledger.Lifetimes
	exchange  *whoami.Exchange
	sent      validator.Cookies
	at        cookie.Request
	arrived   cookie.Mark
	span      trace.Span // of the request that put the question first; nil where nobody records it
}

// put asks, reads the answer and settles it. The question is registered before it is sent, so that an end from then on
// makes its answer void. It is not sent where another one was answered since this one's visitor looked.
func (q question) put(release func()) settlement {
	if known, ok := q.answered(); ok {
		release()
		return known
	}
	registered := q.ledger.Ask(q.key)
	defer registered.Withdraw()
	began := time.Now()
	outcome := q.whoami.page.Read(q.exchange.Send(release), q.changed)
	telemetry.ObserveSince(telemetry.WhoamiDuration.WithLabelValues(telemetry.OutcomeName(outcome)), began)
	q.markQuestion(began, outcome)
	telemetry.WhoamiTallies.Note(q.key.Realm, q.Handler.realm.Dynamic(), outcome, q.app.Now())
	result := settlement{outcome: outcome}
	switch outcome := outcome.(type) {
	case whoami.Identified:
		identity := ledger.Identity{User: outcome.User, Attributes: outcome.Attributes}
		result.session, result.err = registered.Identified(context.Background(), identity, q.lifetimes)
	case whoami.Nobody:
		result.err = registered.Nobody(context.Background(), q.whoami.negativeTTL)
	case whoami.CouldNotTell: // changes nothing
	}
	return result
}

// answered returns what is known by now, if that will do.
func (q question) answered() (settlement, bool) {
	record, active, err := q.ledger.Active(context.Background(), q.key)
	switch {
	case err != nil:
		return settlement{}, false
	case active && q.isCurrent(record, q.maxAge, q.app.Now()):
		return settlement{outcome: whoami.Identified{User: record.User, Attributes: record.Attributes}, session: record}, true
	case !active && q.ledger.IsNobody(q.key):
		return settlement{outcome: whoami.Nobody{Reason: whoami.NoMatch}}, true
	}
	return settlement{}, false
}

// changed names the session cookies that the answer would change: those that get a new value, or are removed from where
// the browser may have them. An application may clear an older variant of its cookie with every answer.
func (q question) changed(lines []string) []string {
	return cookie.Judge(cookie.Exchange{
		Request: q.at, IsSession: q.sessionCookies.Match, Sent: sessionPairs(q.sessionCookies, q.sent), Lines: lines,
		Holds: q.holds,
		Now:   q.app.Now(),
	}).Changed
}

// holds says what is known of a place of the session that is asked about. Where nothing is, the session is in the place of
// the host alone: an application that clears a variant for the whole domain with every answer, this one included, would
// otherwise have no session that is older than the gateway.
func (q question) holds(pair cookie.Pair, variant cookie.Variant) cookie.Held {
	held := q.ledger.Places().Holds(q.key.Realm, pair, variant, q.arrived)
	if held == cookie.Unknown && variant.Domain != "" {
		return cookie.Elsewhere
	}
	return held
}

// noteUnkept keeps in mind that the store did not take what the application said. The request goes on all the same.
func (v *visit) noteUnkept(err *ledger.UnkeptError) {
	v.unkept = !err.Known
	telemetry.CountStoreError(err)
	v.warn("keeping a session; it counts for this request, and the application is asked again with the next one", zap.Error(err))
}

// couldNotTell keeps the reason, and says in the log what an operator can do about it.
func (v *visit) couldNotTell(reason validator.Reason, err error, fields ...zap.Field) {
	v.reason = reason
	telemetry.CountStoreError(err)
	fields = append(fields, zap.String("reason", string(reason)), zap.Error(err))
	message := "could not find out whether the user is signed in"
	switch reason {
	case "whoami_" + validator.Reason(whoami.MovedPermanently):
		message = "the whoami page has moved for good; write the new location into the configuration"
	case "whoami_" + validator.Reason(whoami.NoHandler):
		message = "the whoami URI reaches no handler behind jwt_session; write it as the next handler sees it"
	case "whoami_" + validator.Reason(whoami.ChangesSession):
		message = "the whoami page rotates sessions: it names a user and changes session cookies, so that the user may be " +
			"that of another session; choose a page that changes none, or set rolling where every page changes them"
	default:
	}
	v.warnAs(string(reason), message, fields...)
}
