package jwtsession

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// markSpan writes what became of the request into its span and into one of the decision.
func (v *visit) markSpan(via string) {
	span := telemetry.Recording(v.request.Context())
	if span == nil {
		return
	}
	attributes := []attribute.KeyValue{
		attribute.String("jwt_session.realm", v.realm),
		attribute.String("jwt_session.mode", v.Mode),
		attribute.String("jwt_session.via", via),
	}
	if v.reason != "" {
		attributes = append(attributes, attribute.String("jwt_session.reason", string(v.reason)))
	}
	span.SetAttributes(attributes...)
	if !v.follows {
		telemetry.AddSpan(span, telemetry.DecisionSpan, v.traced, attributes)
	}
}

// markQuestion adds the span of a question to that of the request which put it.
func (q question) markQuestion(began time.Time, outcome whoami.Outcome) {
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
