package question

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// result is what became of a question.
type result struct {
	outcome whoami.Outcome
	session sessions.Session // of an identified user
	err     error            // why the answer does not count: it was overtaken, or the store did not take it
}

// question is one question to the application.
type question struct {
	asker    *Asker
	policy   *policy.Policy
	ledger   *ledger.Ledger
	key      sessions.Key
	maxAge   time.Duration // of an answer that would do
	exchange *whoami.Exchange
	sent     validator.Cookies
	at       cookie.Request
	arrived  cookie.Mark
	span     trace.Span // of the request that put the question first; nil where nobody records it
}

// put asks, reads the answer and settles it. The question is registered before it is sent, so that an end from then on
// makes its answer void. It is not sent where another one was answered since this one's visitor looked.
func (q question) put(release func()) result {
	known, before, ok := q.answered()
	if ok {
		release()
		return known
	}
	registered := q.ledger.AskUnlessAdded(q.key)
	defer registered.Withdraw()
	began := time.Now()
	answer := q.exchange.Send(release)
	outcome := q.asker.Page.Read(answer, q.changed)
	telemetry.ObserveSince(telemetry.WhoamiDuration.WithLabelValues(telemetry.OutcomeName(outcome)), began)
	q.markSpan(began, outcome)
	telemetry.WhoamiTallies.Note(q.key.Realm, q.policy.Site.Realm.Dynamic(), outcome, q.policy.App.Now())
	q.note(answer, outcome, before)
	found := result{outcome: outcome}
	switch outcome := outcome.(type) {
	case whoami.Identified:
		identity := ledger.Identity{User: outcome.User, Attributes: outcome.Attributes}
		found.session, found.err = registered.Identified(context.Background(), identity, q.policy.Lifetimes())
	case whoami.Nobody:
		found.err = registered.Nobody(context.Background(), q.asker.NegativeTTL)
	case whoami.CouldNotTell: // changes nothing
	}
	return found
}

// changed names the session cookies that the answer would change: those that get a new value, or are removed from where
// the browser may have them. An application may clear an older variant of its cookie with every answer.
func (q question) changed(lines []string) []string {
	names := q.policy.Site.Session.Cookies
	return cookie.Judge(cookie.Exchange{
		Request: q.at, IsSession: names.Match, Sent: arrival.SessionPairs(names, q.sent), Lines: lines, Holds: q.holds,
		Now: q.policy.App.Now(),
	}).Changed
}

// holds says what is known of a place of the session that is asked about.
func (q question) holds(pair cookie.Pair, variant cookie.Variant) cookie.Held {
	return assumed(q.ledger.Places().Holds(q.key.Realm, pair, variant, q.arrived), variant)
}

// assumed says what counts as known of a place. Where nothing is, the session is in the place of the host alone: an
// application that clears a variant for the whole domain with every answer, this one included, would otherwise have no session
// that is older than the gateway.
func assumed(held cookie.Held, variant cookie.Variant) cookie.Held {
	if held == cookie.Unknown && variant.Domain != "" {
		return cookie.Elsewhere
	}
	return held
}

// markSpan adds the span of a question to that of the request which put it.
func (q question) markSpan(began time.Time, outcome whoami.Outcome) {
	if q.span == nil {
		return
	}
	attributes := []attribute.KeyValue{
		attribute.String("jwt_session.realm", q.key.Realm), attribute.String("jwt_session.outcome", telemetry.OutcomeName(outcome)),
	}
	if reason := telemetry.OutcomeReason(outcome); reason != "" {
		attributes = append(attributes, attribute.String("jwt_session.reason", string(reason)))
	}
	telemetry.AddSpan(q.span, telemetry.QuestionSpan, began, attributes)
}
