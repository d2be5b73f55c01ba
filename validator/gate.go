package validator

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxTokenBytes is the length of the longest token of ours that is read, in bytes.
const MaxTokenBytes = 8 << 10

// maxHeaderMember is the length of the longest header member.
const maxHeaderMember = 128

// joseHeader is the part of a token's header that is read before the signature is verified. It is enough to select a key.
type joseHeader struct {
	algorithm string
	keyID     string
	kind      string // typ; empty if there is none
}

// compactToken is a token that has passed the gate: the one spelling of a compact JWS (RFC 7515 section 7.1) that is
// accepted. Its header and payload must not be trusted before the signature is verified.
type compactToken struct {
	header    joseHeader
	signed    string // the text that the signature is over
	payload   []byte
	signature []byte
}

// strictBase64 refuses padding and low bits that are not zero: otherwise one token could be written in two ways. Its decoder
// still skips line breaks, which appendBase64 refuses.
var strictBase64 = base64.RawURLEncoding.Strict()

// appendBase64 appends what the text says in base64url (RFC 4648 section 5). It reports whether the text is the one spelling
// of that. An empty text is none.
func appendBase64(to []byte, text string) ([]byte, bool) {
	if text == "" || strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 {
		return nil, false
	}
	decoded, err := strictBase64.AppendDecode(to, []byte(text))
	return decoded, err == nil
}

// form is which tokens one place accepts. The zero value accepts none.
type form struct {
	// size is the length of the longest token that is read, in bytes.
	size int
	// kinds are the values of typ that are accepted, exactly as written. An empty one stands for a header without typ.
	kinds []string
	// algorithms are the algorithms that are accepted.
	algorithms []Algorithm
	// foreign reports whether the tokens are somebody else's. Their headers may have members that are not known here, which
	// are ignored as RFC 7515 section 4 demands.
	foreign bool
}

// ourKind is the typ of the tokens that the gateway mints, and ourForm is their form.
const ourKind = "JWT"

var ourForm = form{size: MaxTokenBytes, kinds: []string{ourKind}, algorithms: ours}

// read is the gate in front of the JOSE library, which is lenient by design. It reads the raw text and decides by it alone.
// It accepts an empty payload, as RFC 7515 does; later steps refuse it, because it is no payload of a JWT.
func (f form) read(text string) (compactToken, Reason) { return f.readOf(nil, text) }

// readOf is like read and returns the same. It is cheaper for the tokens of ours that one of the keys has signed: their
// header is known by its text.
func (f form) readOf(keys verificationKeys, text string) (compactToken, Reason) {
	if len(text) > f.size {
		return compactToken{}, TokenTooLarge
	}
	header, rest, ok := strings.Cut(text, ".")
	if !ok {
		return compactToken{}, TokenMalformed
	}
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok {
		return compactToken{}, TokenMalformed
	}
	fields, known := keys.header(header)
	if !known || !slices.Contains(f.kinds, fields.kind) {
		if fields, ok = f.readHeader(header); !ok {
			return compactToken{}, TokenMalformed
		}
	}
	result := compactToken{header: fields, signed: text[:len(header)+1+len(payload)]}
	// One piece of memory for both.
	room := make([]byte, 0, strictBase64.DecodedLen(len(payload))+strictBase64.DecodedLen(len(signature)))
	if payload != "" {
		if room, ok = appendBase64(room, payload); !ok {
			return compactToken{}, TokenMalformed
		}
	}
	result.payload = room[:len(room):len(room)]
	if result.signature, ok = appendBase64(room[len(room):], signature); !ok {
		return compactToken{}, TokenMalformed
	}
	return result, ""
}

// readHeader reads the members alg, kid and typ of a JOSE header. Each must be a short string, and typ must be one of the
// form. A header of ours has no other member: readHeader refuses jku, jwk, x5u, crit, b64, zip and their like (RFC 7515
// section 4.1, RFC 8725 section 3). A foreign header may have others, which readHeader skips unless they change how the
// payload is read. A key, a certificate or an address of keys in a header is never used.
func (f form) readHeader(encoded string) (joseHeader, bool) {
	text, ok := appendBase64(nil, encoded)
	if !ok {
		return joseHeader{}, false
	}
	var algorithm, keyID, kind string
	err := readObject(text, func(name string, decoder *jsontext.Decoder) error {
		var into *string
		switch name {
		case "alg":
			into = &algorithm
		case "kid":
			into = &keyID
		case "typ":
			into = &kind
		default:
			if !f.foreign {
				return errStrictJSON
			}
			return skipForeignMember(name, decoder)
		}
		value, err := readString(decoder)
		if err != nil || len(value) > maxHeaderMember {
			return errStrictJSON
		}
		*into = value
		return nil
	})
	if err != nil || algorithm == "" || keyID == "" || !slices.Contains(f.kinds, kind) {
		return joseHeader{}, false
	}
	return joseHeader{algorithm: algorithm, keyID: keyID, kind: kind}, true
}

// skipForeignMember reads past a header member that is not known here. It refuses crit, which forbids to ignore what it names.
// It also refuses what makes the payload something else than claims: b64 (RFC 7797), zip (RFC 7516 section 4.1.3), and a cty
// of JWT, which stands for another token inside (RFC 7519 section 5.2).
func skipForeignMember(name string, decoder *jsontext.Decoder) error {
	switch name {
	case "crit", "b64", "zip":
		return errStrictJSON
	case "cty":
		value, err := decoder.ReadValue()
		if err != nil {
			return errStrictJSON
		}
		if kind, err := jsontext.AppendUnquote(nil, value); err == nil && strings.EqualFold(string(kind), "JWT") {
			return errStrictJSON
		}
		return nil
	default:
		return decoder.SkipValue()
	}
}

// onlyBase64 reports whether the text consists of base64url characters (RFC 4648 section 5) and is not empty.
func onlyBase64(text string) bool {
	for i := range len(text) {
		char := text[i]
		letter := 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z'
		if !letter && (char < '0' || char > '9') && char != '-' && char != '_' {
			return false
		}
	}
	return text != ""
}
