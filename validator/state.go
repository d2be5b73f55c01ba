package validator

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A state token carries JSON that an application keeps in the browser, signed so that nobody else writes it. It is no
// credential. It has keys and a type of its own, so that it is never taken for a token that names the user, and no such
// token is taken for a state.

// stateKind is the typ of state tokens.
const stateKind = "state+jwt"

// stateForm is the form of the state tokens that are read. A cookie holds no more than 4096 bytes.
var stateForm = form{size: 4 << 10, kinds: []string{stateKind}, algorithms: []Algorithm{HS256}}

// stateCookieClaim is the name of the claim that holds the name of the cookie.
const stateCookieClaim = "cookie"

// StateBinding is what a state token is bound to.
type StateBinding struct {
	// Realm is the realm of the user.
	Realm string
	// Cookie is the name of the cookie.
	Cookie string
	// User is the user id. It is empty if nobody is signed in. A state without a user is accepted from everybody, and a
	// state of a user from that user alone.
	User string
}

// More reasons why a state was not used.
const (
	// StateOther means that the state belongs to another realm, cookie or user.
	StateOther Reason = "state_other"
)

// ErrNoState is returned, wrapped with the reason, by [KeySet.SignState] for a text that can't become a state. The error
// does not repeat the text.
var ErrNoState = errors.New("no state")

// stateKeys sign and verify the states of a set of keys.
type stateKeys struct {
	verifying verificationKeys
	// sign returns a state in compact form. It is nil if there is no key. It is a function so that fmt does not show the
	// secret behind it.
	sign func(payload []byte) (string, error)
}

// newStateKeys derives a secret from each key that is for states alone.
func newStateKeys(keys []Key) (stateKeys, error) {
	var states stateKeys
	for _, key := range keys {
		secret, err := key.Derive("jwt_session state")
		if err != nil {
			return stateKeys{}, err
		}
		derived, err := newSignature(HS256, secret, secret)
		if err != nil {
			return stateKeys{}, err
		}
		states.verifying = append(states.verifying, verificationKey{id: key.id, algorithm: HS256, verifies: derived.verify})
		if states.sign == nil {
			header := newHeader(HS256, key.id, stateKind)
			states.sign = func(payload []byte) (string, error) { return signCompact(header, payload, derived.sign) }
		}
	}
	return states, nil
}

// SignState returns a state token in compact form. It holds the members of a JSON object and expires a lifetime after now.
// Its payload is ASCII, so that a page can read it with atob and JSON.parse alone. SignState returns [ErrNoState], wrapped,
// for a text that is not exactly one JSON object, that has a name twice, or that has a member with the name of a claim that
// has a meaning of its own.
func (s *KeySet) SignState(binding StateBinding, object string, lifetime time.Duration, now time.Time) (string, error) {
	if s == nil || s.states.sign == nil {
		return "", errors.New("signing state: there is no key")
	}
	payload := make(jsonObject, 0, len(object)+256)
	payload = payload.text("aud", binding.Realm)
	payload = payload.text(stateCookieClaim, binding.Cookie)
	if binding.User != "" {
		payload = payload.text("sub", binding.User)
	}
	payload = payload.number("iat", now.Unix())
	payload = payload.number("exp", now.Unix()+wholeSeconds(lifetime))
	err := readObject([]byte(object), func(name string, decoder *jsontext.Decoder) error {
		if isStateClaim(name) {
			return fmt.Errorf("%w: a member has the name of a claim that has a meaning of its own", ErrNoState)
		}
		value, err := readCompactValue(decoder)
		payload = payload.raw(name, value)
		return err
	})
	switch {
	case errors.Is(err, ErrNoState):
		return "", err
	case err != nil:
		return "", fmt.Errorf("%w: the text is not one JSON object in UTF-8 whose names differ", ErrNoState)
	}
	return s.states.sign(asciiJSON(payload.end()))
}

// ReadState returns the JSON object of a state token, in ASCII. The token must have the binding and must have been signed
// less than a lifetime ago. The object is empty unless the reason is empty.
func (s *KeySet) ReadState(
	binding StateBinding, credential TokenCredential, lifetime time.Duration, now time.Time,
) (object string, reason Reason) {
	switch {
	case credential.Presence == Absent:
		return "", NoCredentials
	case credential.Presence != Present:
		return "", TokenAmbiguous
	case s == nil:
		return "", TokenUnknownKey
	}
	payload, _, reason := s.states.verifying.verify(credential.raw(), stateForm)
	if reason != "" {
		return "", reason
	}
	var state stateReader
	if err := readObject(payload, state.member); err != nil {
		return "", TokenMalformed
	}
	if reason := state.check(binding, lifetime, now); reason != "" {
		return "", reason
	}
	return string(asciiJSON(state.object.end())), ""
}

// stateReader collects the members of a state's payload. A member that is missing is zero at the end.
type stateReader struct {
	binding         StateBinding
	issued, expires int64
	object          jsonObject
}

func (r *stateReader) member(name string, decoder *jsontext.Decoder) error {
	var err error
	switch name {
	case "aud":
		r.binding.Realm, err = readString(decoder)
	case stateCookieClaim:
		r.binding.Cookie, err = readString(decoder)
	case "sub":
		r.binding.User, err = readString(decoder)
	case "iat":
		r.issued, err = readSeconds(decoder)
	case "exp":
		r.expires, err = readSeconds(decoder)
	default:
		if isStateClaim(name) {
			return errStrictJSON
		}
		var value jsontext.Value
		value, err = decoder.ReadValue() // as it was signed: compact
		r.object = r.object.raw(name, value)
	}
	return err
}

// check checks every rule but the signature. It returns an empty reason if the state is accepted.
func (r *stateReader) check(wanted StateBinding, lifetime time.Duration, now time.Time) Reason {
	seconds := now.Unix()
	switch {
	case r.binding.Realm == "" || r.binding.Realm != wanted.Realm, r.binding.Cookie == "" || r.binding.Cookie != wanted.Cookie,
		r.binding.User != "" && r.binding.User != wanted.User:
		return StateOther
	case r.issued <= 0 || r.expires <= r.issued:
		return TokenMalformed
	case seconds >= r.expires:
		return TokenExpired
	case r.issued > now.Add(clockLeeway).Unix():
		return TokenNotYetValid
	case seconds-r.issued >= wholeSeconds(lifetime):
		return TokenTooOld
	}
	return ""
}

// isStateClaim reports whether the application can't have a member of that name.
func isStateClaim(name string) bool { return name == stateCookieClaim || IsReservedClaim(name) }

// readCompactValue reads any JSON value. It returns the value without white space, and with numbers and texts as written.
func readCompactValue(decoder *jsontext.Decoder) ([]byte, error) {
	read, err := decoder.ReadValue()
	if err != nil {
		return nil, errStrictJSON
	}
	value := read.Clone()
	if err := value.Compact(); err != nil {
		return nil, errStrictJSON
	}
	return value, nil
}

// asciiJSON returns a JSON text without white space in which every character beyond visible ASCII is written as an escape.
// Such characters occur in strings alone.
func asciiJSON(text []byte) []byte {
	if !slices.ContainsFunc(text, func(char byte) bool { return char >= 0x7f }) {
		return text
	}
	ascii := make([]byte, 0, 2*len(text))
	for len(text) > 0 {
		char, size := utf8.DecodeRune(text)
		switch {
		case char < 0x7f:
			ascii = append(ascii, text[0])
		case char > 0xffff:
			char -= 0x10000
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, 0xd800+char>>10, 0xdc00+char&0x3ff)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, char)
		}
		text = text[size:]
	}
	return ascii
}
