package jwtsession

import (
	"fmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/secret"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// SessionID says which values of the session cookies are a session id. A value that everybody has or that can be guessed, such
// as the number of chunks that a large cookie was split into or a word for visitors who have not signed in, is none: who
// sends it would be taken for the user who sent it first. Such a request has no usable session: it is unauthenticated, and
// a token that comes with it is cleared.
//
// The admin API refuses ids that can't come with a request.
type SessionID struct {
	// How many characters the values of all session cookies have together, at least. Default: 16.
	MinLength int `json:"min_length,omitempty"`

	// A regular expression in Go's syntax that the whole of each value must match. Default: 1 to 4096 bytes, none of them a
	// control byte.
	Pattern string `json:"pattern,omitempty"`
}

// rules checks the options. Without any, the defaults count.
func (s *SessionID) rules() (validator.SessionRules, error) {
	if s == nil {
		return validator.SessionRules{}, nil
	}
	rules, err := validator.NewSessionRules(s.MinLength, s.Pattern)
	if err != nil {
		return validator.SessionRules{}, fmt.Errorf("session_cookie: %w", err)
	}
	return rules, nil
}

// isSame reports whether both take the same values for session ids.
func (s *SessionID) isSame(other *SessionID) bool {
	var own, others SessionID
	if s != nil {
		own = *s
	}
	if other != nil {
		others = *other
	}
	option.SetDefault(&own.MinLength, validator.DefaultMinLength)
	option.SetDefault(&others.MinLength, validator.DefaultMinLength)
	return own == others
}

// checkOwnIDs makes sure that the ids of sessions that a sign-in opens are session ids to the handler.
func checkOwnIDs(site *Site) error {
	for _, id := range exampleSecrets() {
		if reason := site.SessionCookies.Check(id); reason != "" {
			return fmt.Errorf("session_cookie %s: the session ids that a sign-in makes, %d characters of A-Z, a-z, 0-9, - and _, are none "+
				"by its min_length or pattern; let these allow them", site.cookiesText(), len(id))
		}
	}
	return nil
}

// exampleSecrets returns texts of the form that [secret.New] makes, with each of its characters in each place.
func exampleSecrets() []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	length := len(secret.New())
	examples := make([]string, len(alphabet))
	for i := range examples {
		examples[i] = (alphabet + alphabet)[i : i+length]
	}
	return examples
}
