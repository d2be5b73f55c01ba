package validator

import (
	"errors"
	"strings"
)

// The limits of the Cookie lines of a request, all lines together. A browser keeps about 180 cookies for one site (RFC 6265
// section 6.1 asks for at least 50), and Caddy's own limit for all headers is 16 KiB by default.
const (
	// MaxCookieBytes is the limit in bytes.
	MaxCookieBytes = 16 << 10
	// MaxCookiePairs is the limit in pairs.
	MaxCookiePairs = 180
)

// ErrTooManyCookies is returned by [ScanCookies] for lines beyond the limits. To read a part of them would be to choose what
// to overlook.
var ErrTooManyCookies = errors.New("reading cookies: more than 16 KiB or 180 pairs")

// Cookie is one pair of a Cookie header. The value is as in the line: quotes are a part of it, white space around it is not,
// and nothing is decoded.
type Cookie struct {
	Name  string
	Value string
}

// Cookies are the pairs of a request in the order in which they came.
type Cookies []Cookie

// ScanCookies reads all Cookie lines of a request. Unlike net/http, it never skips a pair for the bytes in its value, since
// the application may read it (RFC 6265 section 5.2 is as lenient). It skips a segment without an equals sign, which has no
// name. It returns [ErrTooManyCookies] for lines beyond [MaxCookieBytes] or [MaxCookiePairs].
func ScanCookies(lines []string) (Cookies, error) {
	pairs, size := measureCookies(lines)
	if size > MaxCookieBytes || pairs > MaxCookiePairs {
		return nil, ErrTooManyCookies
	}
	cookies := make(Cookies, 0, pairs)
	for _, line := range lines {
		for segment := range strings.SplitSeq(line, ";") {
			if name, value, found := cutPair(segment); found {
				cookies = append(cookies, Cookie{Name: name, Value: value})
			}
		}
	}
	return cookies, nil
}

// measureCookies returns how many pairs the lines hold at most, and how many bytes they have.
func measureCookies(lines []string) (pairs, size int) {
	for _, line := range lines {
		pairs += 1 + strings.Count(line, ";")
		size += len(line)
	}
	return pairs, size
}

// DropCookies returns the Cookie lines without the pairs for whose name drop returns true. All other pairs and the lines
// stay byte for byte and in their order. A line that holds nothing any more is left out. DropCookies does not change the
// given lines. It returns them as they are if there is nothing to drop.
func DropCookies(lines []string, drop func(name string) bool) []string {
	return DropPairs(lines, func(name, _ string) bool { return drop(name) })
}

// DropPairs is like [DropCookies], for the pairs for whose name and value drop returns true.
func DropPairs(lines []string, drop func(name, value string) bool) []string {
	result, copied := lines, false
	for i, line := range lines {
		kept := dropFromLine(line, drop)
		if len(kept) != len(line) && !copied {
			result, copied = append(make([]string, 0, len(lines)), lines[:i]...), true
		}
		if copied && (kept != "" || line == "") {
			result = append(result, kept)
		}
	}
	return result
}

// dropFromLine drops pairs from one line. It makes a new text only if the kept pairs are not one piece of the line.
func dropFromLine(line string, drop func(name, value string) bool) string {
	start, end := findPair(line, 0, drop)
	if start == end {
		return line
	}
	kept := line[:start]
	var joined strings.Builder
	for end < len(line) {
		start, next := findPair(line, end+1, drop)
		between := line[end:start] // with the semicolon in front
		end = next
		switch {
		case between == "":
		case kept == "":
			kept = strings.TrimLeft(between, " \t;")
		default:
			if joined.Len() == 0 {
				joined.Grow(len(line))
				joined.WriteString(kept)
			}
			joined.WriteString(between)
		}
	}
	if joined.Len() > 0 {
		kept = joined.String()
	}
	if strings.Trim(kept, " \t;") == "" {
		return ""
	}
	return kept
}

// findPair returns where the first pair at or after a position begins and ends for which match returns true. The pair begins
// with the semicolon in front of it. If there is no such pair, both are the end of the line.
func findPair(line string, position int, match func(name, value string) bool) (start, end int) {
	for position <= len(line) {
		length := strings.IndexByte(line[position:], ';')
		if length < 0 {
			length = len(line) - position
		}
		if name, value, found := cutPair(line[position : position+length]); found && match(name, value) {
			return max(position-1, 0), position + length
		}
		position += length + 1
	}
	return len(line), len(line)
}

func cutPair(segment string) (name, value string, found bool) {
	name, value, found = strings.Cut(segment, "=")
	return trimBlanks(name), trimBlanks(value), found
}

// trimBlanks removes the white space of HTTP around a text (RFC 9110 section 5.6.3). Each request has many texts to trim, and
// few of them have any, for which strings.Trim would prepare a set of bytes each time.
func trimBlanks(text string) string {
	for text != "" && isBlank(text[0]) {
		text = text[1:]
	}
	for text != "" && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isBlank(char byte) bool { return char == ' ' || char == '\t' }

// Only returns the value of the cookie of that name, and false if there is none or if there are two with different values.
func (c Cookies) Only(name string) (string, bool) {
	cookie, presence := only(c, func(candidate string) bool { return candidate == name })
	if presence != Present {
		return "", false
	}
	return cookie.Value, true
}
