package validator

import (
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxSpellingSteps is how often a value is decoded.
const maxSpellingSteps = 3

// MayBeSpelling reports whether an application could take the session id for another one: it decodes the id to that one, or
// the other one is how it writes the id itself. An id of letters, digits and -_.~ has one spelling.
func (c SessionCredential) MayBeSpelling() bool {
	return c.Presence == Present && strings.ContainsFunc(*c.id, func(char rune) bool {
		isPlain := 'a' <= char && char <= 'z' || 'A' <= char && char <= 'Z' || '0' <= char && char <= '9'
		return !isPlain && !strings.ContainsRune("-_.~", char)
	})
}

// Spellings returns the hashes of the other session ids that an application could take the cookies for: some take the
// quotation marks off a value, and decode it once or more often. Where an application escapes the ids that it sets, its own
// spelling is what results from that.
func (c SessionCookies) Spellings(cookies Cookies) []sessions.Hash {
	own := c.Read(cookies)
	var hashes []sessions.Hash
	add := func(read func(value string) string) {
		other := slices.Clone(cookies)
		for i := range other {
			if c.Match(other[i].Name) {
				other[i].Value = read(other[i].Value)
			}
		}
		credential := c.Read(other)
		if credential.Presence == Present && !credential.Hash.Equal(own.Hash) && !slices.Contains(hashes, credential.Hash) {
			hashes = append(hashes, credential.Hash)
		}
	}
	for steps := range maxSpellingSteps + 1 {
		add(func(value string) string { return decodeValue(value, steps) })
		add(func(value string) string { return upperEscapes(decodeValue(value, steps)) })
		add(func(value string) string { return url.QueryEscape(decodeValue(value, steps)) })
		add(func(value string) string { return asComponent.Replace(url.QueryEscape(decodeValue(value, steps))) })
	}
	return hashes
}

// asComponent makes of what Go escapes for a query what JavaScript's encodeURIComponent makes, which Express uses.
var asComponent = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// decodeValue takes quotation marks off and decodes the escapes, as often as steps says.
func decodeValue(value string, steps int) string {
	value = unquote(value)
	for range steps {
		decoded, err := url.PathUnescape(value)
		if err != nil {
			break
		}
		value = unquote(decoded)
	}
	return value
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// upperEscapes writes the escapes as most applications do.
func upperEscapes(value string) string {
	var upper strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			upper.WriteString(strings.ToUpper(value[i : i+3]))
			i += 2
			continue
		}
		upper.WriteByte(value[i])
	}
	return upper.String()
}
