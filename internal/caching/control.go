package caching

import "strings"

// control is what Cache-Control says to shared caches (RFC 9111 section 5.2). The zero value says nothing.
type control struct {
	private         bool // without names of fields
	noStore         bool
	noCache         bool // without names of fields
	open            bool // public, immutable, s-maxage
	stale           bool // a stale response may be given away for some time (RFC 5861)
	mustUnderstand  bool // no-store does not count for caches that know the status (RFC 9111 section 5.2.2.3)
	explicit        bool // max-age or s-maxage is there, so Expires does not count (RFC 9111 section 5.3)
	positive        bool // one of them is more than 0
	maxAgeNotZero   bool // a max-age is there that is not the number 0
	isMisunderstood bool // two readers may read the quotes in different ways
}

// readControl reads all lines of the field. It does not allocate.
func readControl(lines []string) control {
	var c control
	for _, line := range lines {
		if strings.Count(line, `"`)%2 != 0 || strings.IndexByte(line, '\\') >= 0 {
			c.isMisunderstood = true
		}
		for directive := range splitUnquoted(line) {
			c.take(directive)
		}
	}
	return c
}

func (c *control) take(directive string) {
	name, argument, qualified := strings.Cut(directive, "=")
	argument = strings.Trim(argument, "\" \t")
	switch name = strings.Trim(name, " \t"); {
	case strings.EqualFold(name, "no-store"):
		c.noStore = true
	case strings.EqualFold(name, "private"):
		// With names of fields it keeps these out alone (RFC 9111 sections 5.2.2.7 and 5.2.2.4).
		c.private = c.private || !qualified || argument == ""
	case strings.EqualFold(name, "no-cache"):
		c.noCache = c.noCache || !qualified || argument == ""
	case strings.EqualFold(name, "public"), strings.EqualFold(name, "immutable"):
		c.open = true
	case strings.EqualFold(name, "must-understand"):
		c.mustUnderstand = true
	case strings.EqualFold(name, "stale-while-revalidate"), strings.EqualFold(name, "stale-if-error"):
		c.stale = c.stale || !isZero(argument)
	case strings.EqualFold(name, "s-maxage"):
		c.open, c.explicit = true, true
		c.positive = c.positive || isPositive(argument)
	case strings.EqualFold(name, "max-age"):
		c.explicit = true
		c.maxAgeNotZero = c.maxAgeNotZero || !isZero(argument)
		c.positive = c.positive || isPositive(argument)
	}
}

// keepsOut reports whether no shared cache may store the response.
func (c control) keepsOut() bool {
	return !c.isMisunderstood && (c.private || c.noStore && !c.mustUnderstand)
}

// isZero reports whether the text is the number 0.
func isZero(seconds string) bool { return seconds != "" && strings.Trim(seconds, "0") == "" }

// isPositive reports whether a number of seconds is more than 0. It reads as far as the digits go, as caches do.
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
