package validator

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// errStrictJSON is returned for every text that is not the one object that is accepted. It tells nothing else of it.
var errStrictJSON = errors.New("not one strict JSON object")

// readObject reads a text that is exactly one JSON object and calls member for each of its members, in order. The function
// must consume exactly one value. readObject refuses duplicate names, invalid UTF-8, and anything but white space after the
// object: two readers of one token must never see different claims (RFC 8259 section 4, RFC 7519 section 4).
func readObject(text []byte, member func(name string, decoder *jsontext.Decoder) error) error {
	reader := objectReaders.Get().(*objectReader)
	defer reader.release()
	reader.source = *bytes.NewBuffer(text)
	reader.decoder.Reset(&reader.source)
	decoder := &reader.decoder
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errStrictJSON
	}
	for decoder.PeekKind() != '}' {
		name, err := readString(decoder)
		if err != nil {
			return errStrictJSON
		}
		if err := member(name, decoder); err != nil {
			return err
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return errStrictJSON
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return errStrictJSON
	}
	return nil
}

// objectReader is a decoder with its source. A decoder keeps lists of the names that it has met. To allocate them anew for
// the header and the payload of every token is a good part of the cost of reading one.
type objectReader struct {
	source  bytes.Buffer
	decoder jsontext.Decoder
}

var objectReaders = sync.Pool{New: func() any { return new(objectReader) }}

// release empties the reader and gives it back.
func (r *objectReader) release() {
	r.source = bytes.Buffer{}
	r.decoder.Reset(&r.source)
	objectReaders.Put(r)
}

// readString reads a JSON string or the name of a member.
func readString(decoder *jsontext.Decoder) (string, error) {
	value, err := decoder.ReadValue()
	if err != nil || value.Kind() != '"' {
		return "", errStrictJSON
	}
	text := value[1 : len(value)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		if text, err = jsontext.AppendUnquote(nil, value); err != nil {
			return "", errStrictJSON
		}
	}
	return common(text), nil
}

// common returns the text as a string. For texts of every token of ours it returns a constant, which takes no memory.
func common(text []byte) string {
	switch string(text) {
	case "alg":
		return "alg"
	case "kid":
		return "kid"
	case "typ":
		return "typ"
	case "JWT":
		return "JWT"
	case string(HS256):
		return string(HS256)
	case string(ES256):
		return string(ES256)
	case string(EdDSA):
		return string(EdDSA)
	case string(RS256):
		return string(RS256)
	case "sub":
		return "sub"
	case "aud":
		return "aud"
	case "iss":
		return "iss"
	case "jti":
		return "jti"
	case "sid":
		return "sid"
	case "iat":
		return "iat"
	case "exp":
		return "exp"
	case "auth_time":
		return "auth_time"
	default:
		return string(text)
	}
}

// MaxSeconds is the last second of the year 9999 in seconds since 1970. Later dates have no common text form.
const MaxSeconds = 253402300799

// readSeconds reads a NumericDate (RFC 7519 section 2) that is a positive whole number without fraction or exponent.
func readSeconds(decoder *jsontext.Decoder) (int64, error) {
	value, err := decoder.ReadValue()
	if err != nil || value.Kind() != '0' {
		return 0, errStrictJSON
	}
	seconds, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || seconds <= 0 || seconds > MaxSeconds {
		return 0, errStrictJSON
	}
	return seconds, nil
}

// readAttribute reads a value that a [sessions.Attribute] can hold.
func readAttribute(decoder *jsontext.Decoder) (sessions.Attribute, error) {
	if decoder.PeekKind() == '"' { // nearly all are texts; the code below does the same, slowly
		text, err := readString(decoder)
		return sessions.Text(text), err
	}
	value, err := decoder.ReadValue()
	if err != nil {
		return sessions.Attribute{}, errStrictJSON
	}
	var attribute sessions.Attribute
	if err := attribute.UnmarshalJSON(value); err != nil {
		return sessions.Attribute{}, errStrictJSON
	}
	return attribute, nil
}
