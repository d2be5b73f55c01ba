package policy

import (
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Warn writes a warning about the realm, the same one once a minute at most.
func (p *Policy) Warn(message string, fields ...zap.Field) { p.WarnAs(message, message, fields...) }

// WarnAs is like [Policy.Warn], for a message that is counted apart by its key.
func (p *Policy) WarnAs(key, message string, fields ...zap.Field) {
	if p.warnings.Due(key, p.App.Now()) {
		p.Logger.Warn(message, append(fields, zap.String("realm", p.Site.Realm.String()))...)
	}
}

// CouldNotTell says in the log that it could not be told who a request is from, and what an operator can do about it. It
// counts an error of the store.
func (p *Policy) CouldNotTell(reason validator.Reason, err error, fields ...zap.Field) {
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
	p.WarnAs(string(reason), message, fields...)
}

// WarnOfSession warns of session cookies that are none for a reason that an operator can do something about. It names the
// configured cookies and never a value.
func (p *Policy) WarnOfSession(reason validator.Reason) {
	cookies := zap.String("session_cookie", p.sessionCookies())
	switch reason {
	case validator.SessionTooShort:
		p.Warn("requests bring a session cookie whose value is too short to be a session id, so that nobody is signed in by it; "+
			"if the application's ids are that short, lower min_length of session_cookie; if it splits its cookie into several, "+
			"write session_cookie <name>**", cookies)
	case validator.SessionMalformed:
		p.Warn("requests bring a session cookie whose value is no session id, so that nobody is signed in by it; look at pattern of "+
			"session_cookie", cookies)
	default:
	}
}
