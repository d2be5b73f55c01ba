package validator

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonObject writes a JSON object member by member, in the order given, without white space and without the escapes
// that only HTML needs: every byte is sent with each request. The zero value is an object without members; names must
// not repeat.
type jsonObject []byte

// text adds a string. Invalid UTF-8 becomes the replacement character U+FFFD.
func (o jsonObject) text(name, value string) jsonObject { return quote(o.name(name), value) }

// number adds a whole number.
func (o jsonObject) number(name string, value int64) jsonObject {
	return strconv.AppendInt(o.name(name), value, 10)
}

// base64 adds a string that is the value in base64url.
func (o jsonObject) base64(name string, value []byte) jsonObject {
	return append(base64.RawURLEncoding.AppendEncode(append(o.name(name), '"'), value), '"')
}

// raw adds a value that is JSON already.
func (o jsonObject) raw(name string, value []byte) jsonObject { return append(o.name(name), value...) }

// end returns the text of the object.
func (o jsonObject) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}

func (o jsonObject) name(name string) jsonObject {
	separator := byte(',')
	if len(o) == 0 {
		separator = '{'
	}
	return append(quote(append(o, separator), name), ':')
}

func quote(object jsonObject, text string) jsonObject {
	// The only error is for invalid UTF-8, which is replaced all the same.
	object, _ = jsontext.AppendQuote(object, text)
	return object
}
