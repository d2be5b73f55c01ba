package cookies

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// nameSets are session cookies as operators configure them.
var nameSets = [][]string{
	{"session"},
	{"PHPSESSID"},
	{"JSESSIONID"},
	{"sessionid"},
	{"connect.sid"},
	{"app_session"},
	{"app.session"},
	{"_legacy_session"},
	{"rack.session"},
	{"__Host-sid"},
	{"app_"},
	{"DokuWiki", "DW*"},
	{"wiki_session", "wikiUserID"},
	{".AspNetCore.Cookies*"},
}

// generator makes Cookie lines: some plain ones, and all that could make a parser see a session cookie where there is none.
type generator struct {
	*rand.Rand
	names []string
}

func (g *generator) pick(texts ...string) string { return texts[g.IntN(len(texts))] }

// char returns any byte, most often one that some parser treats in a way of its own.
func (g *generator) char() string {
	if g.IntN(3) > 0 {
		return g.pick(" ", "\t", "\n", "\v", "\f", "\r", "\x00", "\x1c", "\x85", "\xa0", "\u00a0", "\u2003", "\u3000", "\ufeff", ".", "_", "-", "+", "[", "]",
			"%", ",", "=", "\"", "\\", "/", ":", "@", "(", ")", "<", ">", "?", "{", "}", "&", "$", "'", "#", "%00", "%20", "%09", "%5B", "%c2%a0", "%u0020")
	}
	return string([]byte{byte(g.IntN(256))})
}

// name returns the name of a session cookie.
func (g *generator) name() string {
	name := g.names[g.IntN(len(g.names))]
	if prefix, isPrefix := strings.CutSuffix(name, "*"); isPrefix {
		return prefix + g.pick("", "1", "abc")
	}
	return name
}

// alias returns a text that is like the name of a session cookie.
func (g *generator) alias() string {
	name := g.name()
	for range 1 + g.IntN(2) {
		switch g.IntN(9) {
		case 0:
			name = g.char() + name
		case 1:
			name += g.char()
		case 2:
			at := g.IntN(len(name) + 1)
			name = name[:at] + g.char() + name[at:]
		case 3:
			name = strings.NewReplacer("_", g.pick(".", " ", "[", "+"), ".", g.pick("_", " ", "[")).Replace(name)
		case 4:
			name = g.pick(strings.ToLower(name), strings.ToUpper(name))
		case 5:
			at := g.IntN(len(name))
			name = name[:at] + fmt.Sprintf("%%%02X", name[at]) + name[at+1:]
		case 6:
			name += "[" + g.pick("", "0", "x") + g.pick("]", "")
		case 7:
			at := g.IntN(len(name))
			name = name[:at] + g.char() + name[at+1:]
		default: // as it is
		}
	}
	return name
}

// value returns the value of a cookie, which may hold another cookie.
func (g *generator) value() string {
	switch g.IntN(10) {
	case 0:
		return g.pick(`"`, `\"`, `"x`, `x"`, `"x"`, `"\"`, `"\\"`, `" `) + g.char()
	case 1:
		return `"` + g.pick("a b", "a\\", "a\\\"", "", "a=") + g.pick(`"`, "")
	case 2:
		return g.pick("x", `"x"`, "", `"`) + g.char() + g.alias() + g.pick("=", " = ", "") + "EVIL" + g.pick("", `"`)
	case 3:
		return g.char() + "x" + g.char()
	case 4:
		return g.pick("", "Wed, 09 Jun 2021 10:18:14 GMT", "x y", "a,b=c", "%22", "%3B", `{"a":"b=c"}`)
	default:
		return g.pick("GOOD", "EVIL", "0123456789abcdef", "s%3Aabc.def", "Zm9v==")
	}
}

// segment returns what stands between two semicolons.
func (g *generator) segment() string {
	switch g.IntN(12) {
	case 0, 1, 2:
		return g.name() + g.pick("=", "=", "=", " =", "= ", "\t=\t") + g.value()
	case 3, 4, 5:
		return g.alias() + g.pick("=", "=", " =", "= ", "=="+g.char()) + g.value()
	case 6:
		return g.pick(g.name(), g.alias(), "x", "=", "", "=x", "="+g.name()+"=EVIL", "==")
	case 7:
		return g.pick("$Version=1", "$Version=\"1\"", "$version=1", "$Path=/", "$Domain=x", "path=/", "expires=x", "secure", "version=1", "$"+g.alias()+"=EVIL")
	case 8:
		return "x=" + g.char() + g.char() + g.alias() + "=" + g.value()
	case 9:
		var text strings.Builder
		for range g.IntN(12) {
			text.WriteString(g.char())
		}
		return text.String()
	default:
		return g.pick("theme", "a", "_ga", "x.y", "csrf[token]") + "=" + g.value()
	}
}

// lines returns the Cookie lines of a request.
func (g *generator) lines() []string {
	if g.IntN(2) == 0 {
		return []string{g.plainLine()}
	}
	lines := make([]string, 1+g.IntN(8)/6)
	for i := range lines {
		for n := range 1 + g.IntN(6) {
			if n > 0 {
				lines[i] += g.pick("; ", "; ", ";", " ;", ";"+g.char(), ";\t", ";;", ",", ", ", " ", g.char())
			}
			lines[i] += g.segment()
		}
		lines[i] = strings.Trim(lines[i], " \t") // as HTTP has it
	}
	return lines
}

// plainLine returns a line as browsers send them but for one or two segments, or one byte.
func (g *generator) plainLine() string {
	segments := []string{"theme=dark", g.name() + "=" + g.pick("GOOD", `"GOOD"`), "_ga=GA1.2.3"}
	for range g.IntN(3) {
		at := g.IntN(len(segments) + 1)
		odd := g.alias() + "=EVIL"
		if g.IntN(2) == 0 {
			odd = g.segment()
		}
		segments = append(segments[:at], append([]string{odd}, segments[at:]...)...)
	}
	line := strings.Join(segments, "; ")
	if g.IntN(2) == 0 {
		at := g.IntN(len(line) + 1)
		line = line[:at] + g.char() + line[at:]
	}
	return strings.Trim(line, " \t")
}
