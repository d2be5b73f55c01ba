package validator

import "strings"

// A combined cookie carries the application's session id and our token in one value: sid=<id>&jwt=<token>.
const (
	combinedPrefix = "sid="
	combinedMark   = "&jwt="
)

// SplitCombined splits the value of a combined cookie, at the last mark. A value of another form is the session id itself,
// without a token.
func SplitCombined(value string) (id, token string) {
	rest, hasPrefix := strings.CutPrefix(value, combinedPrefix)
	mark := strings.LastIndex(rest, combinedMark)
	if !hasPrefix || mark < 0 {
		return value, ""
	}
	return rest[:mark], rest[mark+len(combinedMark):]
}

// JoinCombined returns the value that [SplitCombined] splits into this session id and this token. The token must not hold
// the mark. Without a token, the value is the session id itself, unless that would be taken for a combined value.
func JoinCombined(id, token string) string {
	if token == "" {
		if same, _ := SplitCombined(id); same == id {
			return id
		}
	}
	return combinedPrefix + id + combinedMark + token
}

// SplitCookies returns the Cookie lines as the application sees them, with the session id alone in the combined cookies. It
// also returns the tokens that these carried, by the name of the cookie. All else stays byte for byte. SplitCookies does not
// change the given lines. It returns them as they are if no cookie is split or if [ScanCookies] would refuse them.
func SplitCookies(lines []string, isCombined func(name string) bool) (plain []string, tokens Cookies) {
	if pairs, size := measureCookies(lines); size > MaxCookieBytes || pairs > MaxCookiePairs {
		return lines, nil
	}
	plain = lines
	for i, line := range lines {
		split, carried := splitLine(line, isCombined)
		if split == line {
			continue
		}
		if len(carried) > 0 {
			tokens = append(tokens, carried...)
		}
		if &plain[0] == &lines[0] {
			plain = append([]string(nil), lines...)
		}
		plain[i] = split
	}
	return plain, tokens
}

// splitLine splits the combined cookies of one line.
func splitLine(line string, isCombined func(name string) bool) (plain string, tokens Cookies) {
	if !strings.Contains(line, combinedMark) {
		return line, nil
	}
	segments := strings.Split(line, ";")
	for i, segment := range segments {
		name, value, found := cutPair(segment)
		if !found || !isCombined(name) {
			continue
		}
		id, token := SplitCombined(value)
		if id == value {
			continue
		}
		if token != "" {
			tokens = append(tokens, Cookie{Name: name, Value: token})
		}
		front, behind, _ := strings.Cut(segment, "=")
		segments[i] = front + "=" + strings.Replace(behind, value, id, 1)
	}
	return strings.Join(segments, ";"), tokens
}
