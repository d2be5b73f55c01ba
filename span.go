package jwtsession

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// markSpan writes what became of the request into its span, where Caddy's `tracing` is on: never who it is from.
func markSpan(ctx context.Context, realm, mode, via string, reason validator.Reason) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("jwt_session.realm", realm),
		attribute.String("jwt_session.mode", mode),
		attribute.String("jwt_session.via", via),
	)
	if reason != "" {
		span.SetAttributes(attribute.String("jwt_session.reason", string(reason)))
	}
}
