package jwtsession

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// countIssued counts a token that goes out with the response.
func (v *visit) countIssued(size int) {
	cause := telemetry.CauseReplaced
	switch {
	case v.token.State == validator.TokenAbsent:
		cause = telemetry.CauseFirst
	case v.token.State == validator.TokenUsable && !v.isOfOtherSession():
		cause = telemetry.CauseRenewal
	}
	telemetry.TokensIssuedTotal.WithLabelValues(cause).Inc()
	telemetry.TokenSize.Observe(float64(size))
}

// isOfOtherSession says whether the token does not count because of the session that came with it.
func (v *visit) isOfOtherSession() bool {
	return v.mode != validator.Stateless && validator.Bind(v.token, v.credential) == validator.OtherSession
}
