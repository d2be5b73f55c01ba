package jwtsession

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// maxRealm is the length of the longest realm that placeholders may make.
const maxRealm = 200

// realm is a realm's name as it is configured: fixed, or a text with placeholders that are filled in for each request.
type realm struct {
	text           string
	dynamic        bool
	value          any    // a fixed text as the value of a placeholder, which is made once and not for each request
	prefix, suffix string // what is fixed before the first placeholder and after the last one, as resolve writes it
}

func parseRealm(text string) (realm, error) {
	if strings.Contains(text, "{}") {
		return realm{}, fmt.Errorf("the realm %q has a placeholder without a name", text)
	}
	open, end := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if open < 0 || end < open {
		if !isRealm(text) {
			return realm{}, fmt.Errorf("the realm %q must be letters, digits, _ and -, or have placeholders", text)
		}
		return realm{text: text, value: text}, nil
	}
	parsed := realm{
		text: text, dynamic: true, prefix: strings.ToLower(text[:open]), suffix: strings.ToLower(text[end+1:]),
	}
	for _, part := range []string{parsed.prefix, parsed.suffix} {
		if part != "" && !isRealmText(part) {
			return realm{}, fmt.Errorf("the realm %q must be letters, digits, _, - and . beside its placeholders", text)
		}
	}
	return parsed, nil
}

// resolve returns the realm of one request, and false where its placeholders make none.
func (r realm) resolve(repl *caddy.Replacer) (string, bool) {
	if !r.dynamic {
		return r.text, true
	}
	name := strings.ToLower(repl.ReplaceAll(r.text, ""))
	return name, r.matches(name)
}

// isResolved says whether the text is one that placeholders may make.
func isResolved(text string) bool {
	return len(text) <= maxRealm && isRealmText(text) && text == strings.ToLower(text)
}

// placeholder returns the value of the placeholder for what resolve returned.
func (r realm) placeholder(name string) any {
	if r.dynamic {
		return name
	}
	return r.value
}

// matches says whether the realm of some request can have this name.
func (r realm) matches(name string) bool {
	if !r.dynamic {
		return r.text == name
	}
	return len(name) > len(r.prefix)+len(r.suffix) && isResolved(name) &&
		strings.HasPrefix(name, r.prefix) && strings.HasSuffix(name, r.suffix)
}

// example returns the name of a realm that some request can have.
func (r realm) example() string {
	if !r.dynamic {
		return r.text
	}
	return r.prefix + "x" + r.suffix
}

// isRealm says whether the text is the name of a fixed realm, or of an attribute.
func isRealm(text string) bool { return isRealmText(text) && !strings.Contains(text, ".") }

// isRealmText says whether the text has only letters, digits, _, - and . in it, which host names have.
func isRealmText(text string) bool {
	for i := range len(text) {
		char := text[i]
		letter := 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z'
		if !letter && (char < '0' || char > '9') && char != '-' && char != '_' && char != '.' {
			return false
		}
	}
	return text != ""
}
