package validator

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxForeignToken is the length of the longest token of a provider that is read, in bytes.
const maxForeignToken = 16 << 10

// maxNesting is how deep the claims of a provider may nest.
const maxNesting = 8

// foreignClaims holds the claims of a provider's token by name, as they were written. They come from a payload whose
// signature was verified.
type foreignClaims map[string]jsontext.Value

// readForeignClaims reads a payload. It refuses duplicate names and deep nesting anywhere in it.
func readForeignClaims(payload []byte) (foreignClaims, bool) {
	claims := make(foreignClaims)
	err := readObject(payload, func(name string, decoder *jsontext.Decoder) error {
		value, err := decoder.ReadValue()
		if err != nil || nesting(value) >= maxNesting {
			return errStrictJSON
		}
		claims[name] = slices.Clone(value)
		return nil
	})
	return claims, err == nil
}

// nesting returns how deep a JSON value nests. It is 0 for a value that is no object or array.
func nesting(value jsontext.Value) int {
	depth, deepest, inText := 0, 0, false
	for i := 0; i < len(value); i++ {
		switch char := value[i]; {
		case inText && char == '\\':
			i++
		case char == '"':
			inText = !inText
		case inText:
		case char == '{' || char == '[':
			depth++
			deepest = max(deepest, depth)
		case char == '}' || char == ']':
			depth--
		}
	}
	return deepest
}

// has reports whether there is such a claim, whatever it holds.
func (c foreignClaims) has(name string) bool {
	_, ok := c[name]
	return ok
}

// text returns a claim that is a string, and false for any other value. A missing claim is empty.
func (c foreignClaims) text(name string) (string, bool) {
	value, ok := c[name]
	if !ok {
		return "", true
	}
	if value.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return string(text), err == nil
}

// texts returns a claim that is a string or an array of strings, as aud is (RFC 7519 section 4.1.3), and false for any other
// value. A missing claim is empty.
func (c foreignClaims) texts(name string) ([]string, bool) {
	value, ok := c[name]
	if !ok {
		return nil, true
	}
	var attribute sessions.Attribute
	if value.Kind() != '"' && value.Kind() != '[' || attribute.UnmarshalJSON(value) != nil {
		return nil, false
	}
	return attribute.Texts(), true
}

// seconds returns a NumericDate (RFC 7519 section 2) in seconds since 1970, and false for a value that is none. A missing
// claim is 0. The function rounds a fraction of a second.
func (c foreignClaims) seconds(name string, round func(float64) float64) (int64, bool) {
	value, ok := c[name]
	if !ok {
		return 0, true
	}
	return numericDate(value, round)
}

// minSeconds is the first second of the year 1 in seconds since 1970. Some providers write it for no time at all.
const minSeconds = -62135596800

// numericDate returns the seconds of a JSON number, and false for any other value. The number may be 0 or negative, and may
// have a fraction and an exponent. The date must be in the years 1 to 9999.
func numericDate(value jsontext.Value, round func(float64) float64) (int64, bool) {
	if value.Kind() != '0' {
		return 0, false
	}
	seconds, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil { // it has a fraction or an exponent, or is out of range
		number, err := strconv.ParseFloat(string(value), 64)
		if err != nil || number < minSeconds || number > MaxSeconds {
			return 0, false
		}
		seconds = int64(round(number))
	}
	if seconds < minSeconds || seconds > MaxSeconds {
		return 0, false
	}
	return seconds, true
}

// attribute returns a claim as an attribute. A value that can be none, such as an object, is not present.
func (c foreignClaims) attribute(name string) sessions.Attribute {
	var attribute sessions.Attribute
	if value, ok := c[name]; !ok || attribute.UnmarshalJSON(value) != nil {
		return sessions.Attribute{}
	}
	if isScope(name) && attribute.Present() && !attribute.IsList() {
		return sessions.List(scopes(attribute.Texts()[0])...)
	}
	return attribute
}

// isScope reports whether a text in the claim is a list of OAuth scopes (RFC 8693 section 4.2). Some providers call it scp.
// No other text is ever split.
func isScope(claim string) bool { return claim == "scope" || claim == "scp" }

// scopes returns the scopes in a text, which are separated by single spaces (RFC 6749 section 3.3).
func scopes(text string) []string {
	return strings.FieldsFunc(text, func(char rune) bool { return char == ' ' })
}

// user returns a claim as a user id: a string, or a whole number as it is written.
func (c foreignClaims) user(name string) (string, bool) {
	value := c[name]
	if value.Kind() == '0' {
		_, err := strconv.ParseInt(string(value), 10, 64)
		return string(value), err == nil
	}
	user, ok := c.text(name)
	return user, ok && IsUserID(user)
}

// isVerified reports whether a claim is the boolean true, as in OpenID Connect Core 1.0 section 5.1, or the text "true",
// which Apple documents beside it.
func (c foreignClaims) isVerified(name string) bool {
	value := c[name]
	if value.Kind() == 't' {
		return true
	}
	text, ok := c.text(name)
	return ok && text == "true"
}

// times holds when a token is valid, in seconds since 1970.
type times struct{ issuedAt, notBefore, expires, authTime int64 }

// times returns the times of the token, and false if one of them is malformed or exp is missing. A fraction of a second is
// rounded so that the token counts for less time, and that a revocation in the same second hits it.
func (c foreignClaims) times() (times, bool) {
	issuedAt, okIssued := c.seconds("iat", math.Floor)
	notBefore, okNotBefore := c.seconds("nbf", math.Ceil)
	expires, okExpires := c.seconds("exp", math.Floor)
	authTime, okAuthTime := c.seconds("auth_time", math.Floor)
	read := times{issuedAt: issuedAt, notBefore: notBefore, expires: expires, authTime: authTime}
	return read, okIssued && okNotBefore && okExpires && okAuthTime && c.has("exp") && expires > issuedAt
}

// check returns why the token is not valid now, by clocks that may differ by the leeway. It returns an empty reason if it is.
func (t times) check(now time.Time, leeway time.Duration) Reason {
	earliest, latest := now.Add(-leeway).Unix(), now.Add(leeway).Unix()
	switch {
	case earliest >= t.expires:
		return TokenExpired
	case t.issuedAt > latest || t.notBefore > latest || t.authTime > latest:
		return TokenNotYetValid
	default:
		return ""
	}
}

// since returns when the user signed in, or when the token was issued if it does not tell that. A revocation from before
// that second does not hit the token. It is 0, which is before every revocation, if the token tells neither. Some providers
// write an auth_time of 0 for users whose sign-in they do not know.
func (t times) since() int64 {
	if t.authTime > 0 {
		return t.authTime
	}
	return max(t.issuedAt, 0)
}

// elementsOf returns the elements of a JSON array, and false for any other value.
func elementsOf(value jsontext.Value) ([]jsontext.Value, bool) {
	if value.Kind() != '[' {
		return nil, false
	}
	var elements []jsontext.Value
	decoder := jsontext.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.ReadToken(); err != nil {
		return nil, false
	}
	for decoder.PeekKind() != ']' {
		element, err := decoder.ReadValue()
		if err != nil {
			return nil, false
		}
		elements = append(elements, slices.Clone(element))
	}
	return elements, true
}

// object returns a claim that is an object, by the names of its members, and false for any other value. A missing claim is
// nil.
func (c foreignClaims) object(name string) (foreignClaims, bool) {
	value, ok := c[name]
	if !ok {
		return nil, true
	}
	if value.Kind() != '{' {
		return nil, false
	}
	return readForeignClaims(value)
}
