package validator

import "strings"

// KeepCookies returns the pairs of the Cookie lines for whose name keep returns true, as one line, or as none if no pair is
// left. Each pair stays byte for byte, and so does their order. Unlike [DropCookies], KeepCookies leaves out a segment
// without an equals sign, because some servers take it for a cookie.
func KeepCookies(lines []string, keep func(name string) bool) []string {
	var kept strings.Builder
	for _, line := range lines {
		for segment := range strings.SplitSeq(line, ";") {
			name, _, found := cutPair(segment)
			if !found || !keep(name) {
				continue
			}
			if kept.Len() > 0 {
				kept.WriteString("; ")
			}
			kept.WriteString(strings.Trim(segment, " \t"))
		}
	}
	if kept.Len() == 0 {
		return nil
	}
	return []string{kept.String()}
}
