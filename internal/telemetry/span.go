package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The spans of this module, where Caddy's `tracing` is on: of the decision, which ends before the request goes on, and of
// a question to the application. Neither says who the request is from.
const (
	tracerName   = "github.com/caddy-jwt-session/caddy-jwt-session"
	DecisionSpan = "jwt_session"
	QuestionSpan = "jwt_session.whoami"
)

// Recording returns the request's span, or nil where nobody records it.
func Recording(ctx context.Context) trace.Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// TraceTime is the time for the start of a span, where there will be one. It is nil otherwise.
func TraceTime(ctx context.Context) *time.Time {
	if Recording(ctx) == nil {
		return nil
	}
	now := time.Now()
	return &now
}

// AddSpan adds a span inside of another one, which ends now.
func AddSpan(parent trace.Span, name string, began time.Time, attributes []attribute.KeyValue) {
	_, span := parent.TracerProvider().Tracer(tracerName).Start(trace.ContextWithSpan(context.Background(), parent), name,
		trace.WithTimestamp(began), trace.WithAttributes(attributes...))
	span.End()
}
