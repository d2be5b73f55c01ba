package validator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// DefaultMinLength is the least number of characters in the values of a session's cookies, unless another is configured.
// Identifiers that nobody can guess are longer: 16 hexadecimal digits are 64 random bits.
const DefaultMinLength = 16

// maxSessionValue is the greatest number of bytes in one value of a session cookie if no pattern is given.
const maxSessionValue = 4096

// SessionRules are the rules for the values of the session cookies. A value that is short or the same for everybody, such as
// a counter or the word "anonymous", is no session id. The zero value holds the defaults.
type SessionRules struct {
	minLength int
	pattern   *regexp.Regexp
}

// NewSessionRules returns the rules of a least length in characters and a pattern. A length of 0 is [DefaultMinLength]. The
// pattern is a regular expression in Go's syntax and must match the whole of each value. An empty pattern stands for 1 to
// 4096 bytes of which none is a control byte.
func NewSessionRules(minLength int, pattern string) (SessionRules, error) {
	if minLength < 0 || minLength > MaxCookieBytes {
		return SessionRules{}, fmt.Errorf("min_length %d: want a number of characters from 1 to %d", minLength, MaxCookieBytes)
	}
	rules := SessionRules{minLength: minLength}
	if pattern == "" {
		return rules, nil
	}
	if _, err := regexp.Compile(pattern); err != nil { // the pattern alone, so that it can't close the group below
		return SessionRules{}, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return SessionRules{}, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	rules.pattern = whole
	return rules, nil
}

// Check returns why the values are no session id: [SessionTooShort] or [SessionMalformed]. It returns an empty reason if they
// are one.
func (r SessionRules) Check(values ...string) Reason {
	length := 0
	for _, value := range values {
		if !r.matches(value) {
			return SessionMalformed
		}
		length += utf8.RuneCountInString(value)
	}
	if length < r.least() {
		return SessionTooShort
	}
	return ""
}

// check is like Check, for cookies. It needs no list of their values.
func (r SessionRules) check(cookies []*Cookie) Reason {
	length := 0
	for _, cookie := range cookies {
		if !r.matches(cookie.Value) {
			return SessionMalformed
		}
		length += utf8.RuneCountInString(cookie.Value)
	}
	if length < r.least() {
		return SessionTooShort
	}
	return ""
}

// explain returns the rule that the values break, in words.
func (r SessionRules) explain(reason Reason) string {
	switch {
	case reason == SessionTooShort:
		return fmt.Sprintf("the values together have fewer than %d characters (min_length of session_cookie)", r.least())
	case r.pattern != nil:
		return "a value does not match the pattern of session_cookie"
	default:
		return fmt.Sprintf("a value has more than %d bytes, or a control byte in it (pattern of session_cookie)", maxSessionValue)
	}
}

func (r SessionRules) least() int {
	if r.minLength == 0 {
		return DefaultMinLength
	}
	return r.minLength
}

func (r SessionRules) matches(value string) bool {
	if r.pattern != nil {
		return r.pattern.MatchString(value)
	}
	if value == "" || len(value) > maxSessionValue {
		return false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] == 0x7f {
			return false
		}
	}
	return true
}

// chunkMark ends a name that stands for all cookies whose names begin so. An application that splits a large cookie numbers
// its parts.
const chunkMark = "**"

// isChunked reports whether a configured name stands for any number of cookies.
func isChunked(pattern string) bool { return strings.HasSuffix(pattern, chunkMark) }

// appendChunks appends the cookies that a name with the chunk mark stands for, in the order of their names, byte by byte. So
// they are one session id in whichever order the client sends them. A cookie without a value is none. appendChunks reports
// whether the cookies are clear: one name with two values is not.
func appendChunks(found []*Cookie, cookies Cookies, pattern string) (all []*Cookie, clear bool) {
	first := len(found)
	for i := range cookies {
		cookie := &cookies[i]
		if !nameMatches(pattern, cookie.Name) {
			continue
		}
		place, known := slices.BinarySearchFunc(found[first:], cookie.Name, func(other *Cookie, name string) int {
			return strings.Compare(other.Name, name)
		})
		switch {
		case !known:
			found = slices.Insert(found, first+place, cookie)
		case found[first+place].Value != cookie.Value:
			return nil, false
		}
	}
	kept := found[:first]
	for _, cookie := range found[first:] {
		if cookie.Value != "" {
			kept = append(kept, cookie)
		}
	}
	return kept, true
}
