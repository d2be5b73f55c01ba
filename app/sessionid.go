package app

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

// Rules checks the options and returns the rules that they make. Nil makes the defaults.
func (s *SessionID) Rules() (validator.SessionRules, error) {
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
func (s *SessionID) isSame(other *SessionID) bool { return s.withDefaults() == other.withDefaults() }

// StricterThan returns the options by which it may refuse values that the other one takes for session ids. Of two patterns
// nobody can tell which one takes more.
func (s *SessionID) StricterThan(other *SessionID) []string {
	own, others := s.withDefaults(), other.withDefaults()
	var stricter []string
	if s != nil && s.MinLength != 0 && own.MinLength > others.MinLength {
		stricter = append(stricter, fmt.Sprintf("min_length %d", own.MinLength))
	}
	if own.Pattern != "" && own.Pattern != others.Pattern {
		stricter = append(stricter, "pattern "+own.Pattern)
	}
	return stricter
}

func (s *SessionID) withDefaults() SessionID {
	var options SessionID
	if s != nil {
		options = *s
	}
	option.SetDefault(&options.MinLength, validator.DefaultMinLength)
	return options
}

// checkOwnIDs makes sure that the ids of sessions that a sign-in opens are session ids to the handler.
func checkOwnIDs(site *Site) error {
	for _, id := range exampleSecrets() {
		if reason := site.Session.Cookies.Check(id); reason != "" {
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
