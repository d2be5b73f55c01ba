// Package urlpath finds the paths that servers could take the path of one request for. A proxy and the server behind it may
// disagree about path parameters, escapes, dot segments, backslashes and doubled slashes, and about the order in which they
// are read. A rule that guards a path must therefore look at every reading.
//
// The package imports nothing of this module.
package urlpath

import (
	"net/url"
	"slices"
	"strings"
)

// The bounds of what is read. A path beyond them has no known readings, and a caller decides on the safe side.
const (
	longest      = 8 << 10 // bytes
	mostReadings = 192
	mostDecoded  = 2 // once as every server does, once more as some do by mistake
)

// Readings returns the other paths that a server could take the path of the URL for. It returns none for a plain path: one
// with nothing to remove, decode, resolve or merge. known is false where there are too many readings to tell.
//
// Readings differ in which of these steps a server takes, and in which order: it removes path parameters, decodes escapes
// once or twice, reads backslashes as slashes, resolves dot segments, and merges slashes before that or after.
func Readings(u *url.URL) (others []string, known bool) {
	if isPlain(u.Path) && !hasEscapedSlash(u.RawPath) {
		return nil, true
	}
	if len(u.Path) > longest || len(u.RawPath) > longest {
		return nil, false
	}
	var readings readings
	readings.add(reading{rooted(u.EscapedPath()), 0})
	readings.add(reading{rooted(u.Path), 1})
	for next := 0; next < len(readings); next++ {
		if len(readings) > mostReadings {
			return nil, false
		}
		readings.step(readings[next])
	}
	for _, one := range readings {
		if one.decoded > 0 && one.path != u.Path && !slices.Contains(others, one.path) {
			others = append(others, one.path)
		}
	}
	return others, true
}

// Toggled returns the path without its final slash, or with one. The root has no such namesake: it returns false.
func Toggled(path string) (string, bool) {
	switch without, has := strings.CutSuffix(path, "/"); {
	case without == "":
		return "", false
	case has:
		return without, true
	default:
		return path + "/", true
	}
}

// reading is a path after some of the steps.
type reading struct {
	path    string
	decoded int // how many times
}

type readings []reading

func (r *readings) add(one reading) {
	if !strings.Contains(one.path, "%") {
		one.decoded = mostDecoded // nothing is left to decode
	}
	if !slices.Contains(*r, one) {
		*r = append(*r, one)
	}
}

// step adds what each single step makes of a reading.
func (r *readings) step(from reading) {
	if from.decoded < mostDecoded {
		r.add(reading{decode(from.path, false), from.decoded + 1})
		r.add(reading{decode(from.path, true), from.decoded + 1})
	}
	r.add(reading{withoutParameters(from.path), from.decoded})
	r.add(reading{strings.ReplaceAll(from.path, `\`, "/"), from.decoded})
	r.add(reading{resolve(from.path, true), from.decoded})
	r.add(reading{resolve(from.path, false), from.decoded})
}

// isPlain reports whether no step changes the path.
func isPlain(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, `%;\`) {
		return false
	}
	for rest, more := path[1:], true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if isDots(segment) || segment == "" && more {
			return false
		}
	}
	return true
}

func isDots(segment string) bool { return segment == "." || segment == ".." }

// hasEscapedSlash reports whether an escape stands for a slash, which some servers leave as it is. One for a backslash is
// seen in the decoded path.
func hasEscapedSlash(raw string) bool {
	return strings.Contains(raw, "%2F") || strings.Contains(raw, "%2f")
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// decode replaces each valid escape by its byte, once. With keepSlashes, those of slashes and backslashes stay.
func decode(path string, keepSlashes bool) string {
	if !strings.Contains(path, "%") {
		return path
	}
	decoded := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		char, ok := unescape(path[i:])
		if !ok || keepSlashes && (char == '/' || char == '\\') {
			decoded = append(decoded, path[i])
			continue
		}
		decoded = append(decoded, char)
		i += len("%XX") - 1
	}
	return string(decoded)
}

// unescape returns the byte that the escape at the beginning of the text stands for.
func unescape(text string) (byte, bool) {
	if len(text) < len("%XX") || text[0] != '%' {
		return 0, false
	}
	high, isHex := hexDigit(text[1])
	low, isHexToo := hexDigit(text[2])
	return high<<4 | low, isHex && isHexToo
}

func hexDigit(char byte) (byte, bool) {
	switch {
	case '0' <= char && char <= '9':
		return char - '0', true
	case 'a' <= char && char <= 'f':
		return char - 'a' + 10, true
	case 'A' <= char && char <= 'F':
		return char - 'A' + 10, true
	default:
		return 0, false
	}
}

// withoutParameters removes from each segment what follows its first semicolon (RFC 3986 section 3.3).
func withoutParameters(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// resolve resolves dot segments (RFC 3986 section 5.2.4) and merges slashes. What differs is whether an empty segment
// counts as one that .. removes: not where slashes are merged first. A final slash stays.
func resolve(path string, mergeFirst bool) string {
	if isResolved(path) {
		return path
	}
	var kept []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, segment := range segments {
		switch {
		case segment == "." || segment == "" && mergeFirst:
		case segment != "..":
			kept = append(kept, segment)
		case len(kept) > 0:
			kept = kept[:len(kept)-1]
		}
	}
	kept = slices.DeleteFunc(kept, func(segment string) bool { return segment == "" })
	resolved := "/" + strings.Join(kept, "/")
	if last := segments[len(segments)-1]; len(kept) > 0 && (last == "" || isDots(last)) {
		resolved += "/"
	}
	return resolved
}

func isResolved(path string) bool {
	return !strings.Contains(path, "//") && !strings.Contains(path, "/.")
}
