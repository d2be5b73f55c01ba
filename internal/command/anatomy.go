package command

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// explainToken takes a token apart. It believes nothing: what it says of the form is what the gateway's own gate says,
// and of the claims it says what they would mean.
func explainToken(text string, now time.Time) *explanation {
	found := &explanation{Bytes: len(text)}
	parts := strings.Split(text, ".")
	switch len(parts) {
	case 3:
		found.Form = "compact JWS"
	case 5:
		found.explainEncrypted(parts[0])
		found.judgeEncryptedForm(text)
		return found
	default:
		found.Form = fmt.Sprintf("none: it has %s, a JWT has 3 and an encrypted one 5", plural(int64(len(parts)), "part"))
		found.refuse(string(validator.TokenMalformed), "it is no compact JWT")
		return found
	}
	if len(text) > validator.MaxTokenBytes {
		found.refuse(string(validator.TokenTooLarge), "it is longer than %d bytes", validator.MaxTokenBytes)
		return found
	}
	algorithm := found.explainHeader(parts[0])
	found.explainClaims(parts[1], now)
	if signature, err := base64.RawURLEncoding.DecodeString(parts[2]); err == nil {
		found.judgeSignature(algorithm, len(signature))
	}
	if formReason(text) == validator.TokenMalformed && len(found.Refused) == 0 {
		found.refuse(string(validator.TokenMalformed), "it is not written in the one form that is accepted: its base64url is not "+
			"canonical, or it has white space in it")
	}
	return found
}

// formReason asks the gateway's gate, with a key that nobody has.
func formReason(text string) validator.Reason {
	secret := make([]byte, validator.MinSecretBytes)
	_, _ = rand.Read(secret) // never fails
	key, err := validator.NewSecretKey("nobodys", secret)
	if err != nil {
		return ""
	}
	keys, err := validator.NewKeySet(key)
	if err != nil {
		return ""
	}
	_, reason := validator.NewVerifier(validator.NewKeyRing(keys), nil).Authenticate(text)
	return reason
}

func (e *explanation) explainEncrypted(header string) {
	e.Form = "encrypted JWT (JWE)"
	members, err := membersOf(header)
	for _, member := range members {
		e.Header = append(e.Header, line{Name: member.name, Value: member.shown()})
	}
	if err != nil {
		e.refuse(string(validator.TokenMalformed), "its header is not one JSON object")
	}
	e.Claims = []line{{Name: "all", Meaning: "encrypted: only the gateway can read them"}}
}

// judgeEncryptedForm says what the gateway's gate refuses of a JWE before it looks for the key.
func (e *explanation) judgeEncryptedForm(text string) {
	switch reason := formReason(text); {
	case len(e.Refused) > 0:
	case reason == validator.TokenTooLarge:
		e.refuse(string(reason), "it is longer than %d bytes", validator.MaxTokenBytes)
	case reason == validator.TokenMalformed:
		e.refuse(string(reason), "it is not of the one form that is accepted: alg dir, enc A256GCM, cty JWT and a kid, no encrypted "+
			"key, a nonce of 12 bytes and a tag of 16")
	}
}

// judgeSignature says what a signature of that length is refused for. Only the gateway can say whether one of the right length
// holds.
func (e *explanation) judgeSignature(algorithm validator.Algorithm, length int) {
	e.Signature = length
	least, most := algorithm.SignatureBytes()
	switch {
	case most == 0 || length >= least && length <= most:
	case least == most:
		e.refuse(string(validator.TokenBadSignature), "the signature has %s, and those of %s have %d: it was cut off, or is none",
			plural(int64(length), "byte"), algorithm, least)
	default:
		e.refuse(string(validator.TokenBadSignature), "the signature has %s, and those of %s have from %d to %d: it was cut off, or is none",
			plural(int64(length), "byte"), algorithm, least, most)
	}
}

// explainHeader says what the header says, and what a header must not say. It returns the algorithm, or nothing if it is none
// of ours.
func (e *explanation) explainHeader(encoded string) validator.Algorithm {
	const malformed = string(validator.TokenMalformed)
	members, err := membersOf(encoded)
	values := make(map[string]string)
	for _, member := range members {
		shown := line{Name: member.name, Value: member.shown()}
		switch member.name {
		case "alg":
			shown.Meaning = "algorithm"
		case "kid":
			shown.Meaning = "key"
		case "typ":
		default:
			shown.Meaning = "not accepted"
			e.refuse(malformed, "the header has a member besides alg, kid and typ")
		}
		values[member.name] = member.text
		e.Header = append(e.Header, shown)
	}
	if err != nil {
		e.refuse(malformed, "the header is not one JSON object in base64url: %v", err)
		return ""
	}
	if values["typ"] != "JWT" {
		e.refuse(malformed, "the header's typ is not exactly JWT")
	}
	if values["kid"] == "" {
		e.refuse(malformed, "the header names no key")
	}
	algorithm, err := validator.ParseAlgorithm(values["alg"])
	if err != nil {
		e.refuse(string(validator.TokenUnknownKey), "no key of the gateway's is for the algorithm %q", values["alg"])
	}
	return algorithm
}

// explainClaims says what the claims mean.
func (e *explanation) explainClaims(encoded string, now time.Time) {
	const malformed = string(validator.TokenMalformed)
	members, err := membersOf(encoded)
	seen := make(map[string]member)
	for _, member := range members {
		seen[member.name] = member
		e.Claims = append(e.Claims, explainClaim(member, now))
	}
	if err != nil {
		e.refuse(malformed, "the payload is not one JSON object in base64url: %v", err)
		return
	}
	for _, name := range []string{"sub", "aud", "sid", "jti"} {
		if seen[name].text == "" {
			e.refuse(malformed, "the claim %s is missing, or no text", name)
		}
	}
	if sub := seen["sub"].text; sub != "" && !validator.IsUserID(sub) {
		e.refuse(malformed, "the claim sub can't be a user id: 1 to 256 visible ASCII characters")
	}
	times := make(map[string]int64)
	for _, name := range []string{"iat", "exp", "auth_time"} {
		seconds, ok := seen[name].seconds()
		if !ok {
			e.refuse(malformed, "the claim %s is missing, or no whole number of seconds", name)
			continue
		}
		times[name] = seconds
	}
	if issued, expires := times["iat"], times["exp"]; issued != 0 && expires != 0 {
		e.judgeTimes(issued, expires, now)
	}
}

// clockLeeway is how far ahead the clock of another gateway may be.
const clockLeeway = 5

func (e *explanation) judgeTimes(issued, expires int64, now time.Time) {
	switch {
	case expires <= issued:
		e.refuse(string(validator.TokenMalformed), "it ends before it begins")
	case now.Unix() >= expires:
		e.refuse(string(validator.TokenExpired), "it expired %s", ago(time.Unix(expires, 0), now))
	case issued > now.Unix()+clockLeeway:
		e.refuse(string(validator.TokenNotYetValid), "it was issued %s: a clock is wrong", ago(time.Unix(issued, 0), now))
	}
}

func explainClaim(m member, now time.Time) line {
	shown := line{Name: m.name, Value: m.shown()}
	switch m.name {
	case "sub":
		shown.Meaning = "user id"
	case "aud":
		shown.Meaning = "realm"
	case "iss":
		shown.Meaning = "issuer"
	case "jti":
		shown.Meaning = "id of the token"
	case "sid":
		// Whatever it is: in a token of another system it may be a session id as it stands.
		shown.Value, shown.Meaning = "", fmt.Sprintf("session id, sealed for the gateway: %d characters, not shown", len(m.text))
	case "iat", "exp", "nbf", "auth_time":
		if seconds, ok := m.seconds(); ok {
			at := time.Unix(seconds, 0)
			shown.Meaning = at.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + ago(at, now)
		}
	default:
		if !validator.IsReservedClaim(m.name) {
			shown.Meaning = "attribute"
		}
	}
	return shown
}

// member is one member of a JSON object: its value as it stands, and where that is a string the string.
type member struct {
	name, raw, text string
}

// shown is the value as it is printed.
func (m member) shown() string {
	if m.text != "" {
		return m.text
	}
	return m.raw
}

// seconds returns a time as tokens write it.
func (m member) seconds() (int64, bool) {
	seconds, err := strconv.ParseInt(m.raw, 10, 64)
	return seconds, err == nil && seconds > 0 && seconds <= math.MaxInt32*64
}

// membersOf reads a part of a token: one JSON object in base64url, no member twice. Beside an error it returns what came
// before it.
func membersOf(encoded string) ([]member, error) {
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("it is not base64url")
	}
	decoder := jsontext.NewDecoder(strings.NewReader(string(text)))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errors.New("it does not begin as an object")
	}
	var members []member
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil || name.Kind() != '"' {
			return members, errors.New("it is broken, or has a member twice")
		}
		found := member{name: name.String()}
		value, err := decoder.ReadValue()
		if err != nil {
			return members, errors.New("it is broken, or has a member twice")
		}
		found.raw = string(value)
		if value.Kind() == '"' {
			unquoted, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return members, errors.New("it is broken")
			}
			found.text = string(unquoted)
		}
		members = append(members, found)
	}
	if _, err := decoder.ReadToken(); err != nil {
		return members, errors.New("it is broken")
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return members, errors.New("something follows behind the object")
	}
	return members, nil
}
