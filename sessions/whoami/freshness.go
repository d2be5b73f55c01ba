package whoami

import (
	"net/http"
	"strings"
	"time"
)

// checkFreshness refuses answers that may have been made for somebody else: those that a cache has kept (RFC 9111
// section 5.1), and those that a shared cache between the gateway and the application may keep and give away without
// asking (RFC 9111 sections 3 and 4.2). Only explicit freshness counts.
func checkFreshness(answer Answer) Reason {
	if _, aged := answer.Header["Age"]; aged {
		return FromCache
	}
	control := readCacheControl(answer.Header["Cache-Control"])
	fresh := control.positive
	if !control.explicit {
		fresh = expiresLater(answer)
	}
	if control.malformed || fresh && !control.private {
		return Cacheable
	}
	return ""
}

// expiresLater says whether Expires lies behind Date, or behind our own clock where the answer has no Date (RFC 9110
// section 6.6.1). Anything in Expires that is no date means that it has expired (RFC 9111 section 5.3).
func expiresLater(answer Answer) bool {
	expires, err := http.ParseTime(answer.Header.Get("Expires"))
	if err != nil {
		return false
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		date = answer.Received.Truncate(time.Second)
	}
	return expires.After(date)
}

// cacheControl is what of Cache-Control matters to a shared cache.
type cacheControl struct {
	private   bool // no shared cache gives the answer away unasked
	explicit  bool // max-age or s-maxage is there, so that Expires does not count (RFC 9111 section 5.3)
	positive  bool // one of them is over zero
	malformed bool // a quote is not closed: what hides behind it depends on the reader
}

func readCacheControl(lines []string) cacheControl {
	var control cacheControl
	for _, line := range lines {
		if strings.Count(line, `"`)%2 != 0 {
			control.malformed = true
		}
		for part := range splitUnquoted(line) {
			directive, argument, qualified := strings.Cut(part, "=")
			switch strings.ToLower(strings.Trim(directive, " \t")) {
			case "no-store":
				control.private = true
			case "private", "no-cache":
				// With an argument they speak of some header fields only (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
				control.private = control.private || !qualified
			case "max-age", "s-maxage":
				control.explicit = true
				control.positive = control.positive || isPositive(strings.Trim(argument, "\" \t"))
			}
		}
	}
	return control
}

// splitUnquoted yields the parts of a header value between the commas that are not inside quotes.
func splitUnquoted(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, start := false, 0
		for i := range len(line) {
			switch {
			case line[i] == '"':
				quoted = !quoted
			case line[i] == ',' && !quoted:
				if !yield(line[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(line[start:])
	}
}

// isPositive says whether a number of seconds is over zero, reading as far as its digits go, as caches do.
func isPositive(seconds string) bool {
	for i := range len(seconds) {
		switch {
		case '1' <= seconds[i] && seconds[i] <= '9':
			return true
		case seconds[i] != '0':
			return false
		}
	}
	return false
}
