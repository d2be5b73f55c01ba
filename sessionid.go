package jwtsession

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// prepareSessionCookies reads the names of the session cookies and the rules for their values.
func (h *Handler) prepareSessionCookies() error {
	cookies, err := validator.NewSessionCookies(h.SessionCookies...)
	if err != nil {
		return fmt.Errorf("session_cookie: %w", err)
	}
	rules, err := h.SessionID.Rules()
	if err != nil {
		return err
	}
	h.sessionCookies = cookies.WithRules(rules)
	return nil
}

// warnOfSession warns of session cookies that are none for a reason that the operator can do something about. It names
// the configured cookies and never a value.
func (h *Handler) warnOfSession(reason validator.Reason) {
	cookies := zap.String("session_cookie", strings.Join(h.SessionCookies, " "))
	switch reason {
	case validator.SessionTooShort:
		h.warn("requests bring a session cookie whose value is too short to be a session id, so that nobody is signed in by it; "+
			"if the application's ids are that short, lower min_length of session_cookie; if it splits its cookie into several, "+
			"write session_cookie <name>**", cookies)
	case validator.SessionMalformed:
		h.warn("requests bring a session cookie whose value is no session id, so that nobody is signed in by it; look at pattern of "+
			"session_cookie", cookies)
	default:
	}
}
