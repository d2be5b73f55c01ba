package outcome

import (
	"maps"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Compare holds what mixed mode would have said against what the session said. Only a token that would have decided can
// make a difference: in all other cases mixed mode asks the session too.
func Compare(token validator.Token, binding validator.Binding, verdict validator.Verdict, session sessions.Session) telemetry.Mismatch {
	if token.State != validator.TokenUsable || binding != validator.SameSession {
		return ""
	}
	switch verdict.(type) {
	case validator.BySession:
		switch {
		case session.User != token.Claims.Subject():
			return telemetry.MismatchUser
		case !sameAttributes(session.Attributes, token.Claims.Attributes()):
			return telemetry.MismatchAttributes
		}
		return ""
	case validator.CouldNotTell:
		return telemetry.MismatchUndetermined
	default:
		return telemetry.MismatchSignedOut
	}
}

// sameAttributes takes an attribute without a value for one that is not there.
func sameAttributes(a, b sessions.Attributes) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	for _, attributes := range []sessions.Attributes{a, b} {
		maps.DeleteFunc(attributes, func(_ string, value sessions.Attribute) bool { return !value.Present() })
	}
	return maps.EqualFunc(a, b, sessions.Attribute.Equal)
}

// countMismatch counts and logs a difference.
func countMismatch(o *Outcome, verdict validator.Verdict) {
	what := Compare(o.Token, validator.Bind(o.Token, o.came.Session), verdict, *o.Session.Record)
	if what == "" {
		return
	}
	telemetry.ShadowMismatchesTotal.WithLabelValues(string(what)).Inc()
	if check := o.policy.Logger.Check(zap.DebugLevel, "mixed mode would have decided otherwise"); check != nil {
		check.Write(zap.String("realm", o.came.Realm), zap.String("difference", string(what)))
	}
}
