package validator

import "strings"

// KeepCookies returns the Cookie lines that hold those pairs alone whose name keep says yes to: one line, or none where
// no pair is left. Each pair stays byte for byte, and so does their order. Unlike [DropCookies] it leaves out a segment
// without an equals sign: some servers take that for a cookie.
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
