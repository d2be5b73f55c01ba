package jwtsession

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// The spans of this module, where Caddy's `tracing` is on: of the decision, which ends before the request goes on, and of
// a question to the application. Neither says who the request is from.
const (
	tracerName   = "github.com/caddy-jwt-session/caddy-jwt-session"
	decisionSpan = "jwt_session"
	questionSpan = "jwt_session.whoami"
)

// recording returns the request's span, or nil where nobody records it.
func recording(ctx context.Context) trace.Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// traceTime is the time for the start of a span, where there will be one.
func traceTime(ctx context.Context) time.Time {
	if recording(ctx) == nil {
		return time.Time{}
	}
	return time.Now()
}

// addSpan adds a span inside of another one, which ends now.
func addSpan(parent trace.Span, name string, began time.Time, attributes []attribute.KeyValue) {
	_, span := parent.TracerProvider().Tracer(tracerName).Start(trace.ContextWithSpan(context.Background(), parent), name,
		trace.WithTimestamp(began), trace.WithAttributes(attributes...))
	span.End()
}

// markSpan writes what became of the request into its span and into one of the decision.
func (v *visit) markSpan(via string) {
	span := recording(v.request.Context())
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
		addSpan(span, decisionSpan, v.traced, attributes)
	}
}

// markQuestion adds the span of a question to that of the request which put it.
func (q question) markQuestion(began time.Time, outcome whoami.Outcome) {
	if q.span == nil {
		return
	}
	attributes := []attribute.KeyValue{
		attribute.String("jwt_session.realm", q.key.Realm), attribute.String("jwt_session.outcome", outcomeName(outcome)),
	}
	if reason := outcomeReason(outcome); reason != "" {
		attributes = append(attributes, attribute.String("jwt_session.reason", string(reason)))
	}
	addSpan(q.span, questionSpan, began, attributes)
}
