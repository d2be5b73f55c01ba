package caching

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// suffix ends the name of every targeted field of RFC 9213, such as CDN-Cache-Control.
const suffix = "-cache-control"

// permission is what a field allows the caches that it is for. The zero value is the widest one.
type permission uint8

const (
	// stores: they may keep the response and give it away.
	stores permission = iota
	// asks: they may keep it, and ask the application before they give it away.
	asks
	// forbids: they may not keep it.
	forbids
	// silent: the field says nothing to them.
	silent
)

// targeted returns the widest permission that the fields for some caches alone give, and silent where there are none.
func targeted(header http.Header, now time.Time) permission {
	widest := silent
	for name, lines := range header {
		if given := targetedBy(name, lines, now); given < widest {
			widest = given
		}
	}
	return widest
}

// targetedBy returns what one field allows, and silent where it is not for some caches alone. Vendors put a prefix of their
// own before the names of others, as RFC 9213 says for its own.
func targetedBy(name string, lines []string, now time.Time) permission {
	switch {
	case isEmpty(lines):
		return silent
	case strings.EqualFold(name, "X-Accel-Expires"):
		return accelExpires(lines, now)
	case strings.EqualFold(name, "X-LiteSpeed-Cache-Control"):
		// Its private means a copy for each address, which several visitors may share.
		return read(lines, "no-store", "no-cache")
	case hasSuffixFold(name, "Edge-Control"):
		return read(lines, "no-store", "bypass-cache")
	case hasSuffixFold(name, "Surrogate-Control"), hasSuffixFold(name, suffix):
		return read(lines, "no-store", "private")
	default:
		return silent
	}
}

func hasSuffixFold(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

func isEmpty(lines []string) bool {
	for _, line := range lines {
		if strings.Trim(line, " \t") != "" {
			return false
		}
	}
	return true
}

// read returns what a dictionary (RFC 9213 section 2.1) allows. The words forbid storing, where they are true and without
// parameters, which may make them a word to one cache alone. A field that is no dictionary, or that has a member twice, is
// read in different ways, so it forbids nothing.
func read(lines []string, words ...string) permission {
	dictionary, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil || len(dictionary.Names()) != members(lines) {
		return reuse(lines)
	}
	for _, word := range words {
		member, there := dictionary.Get(word)
		if item, ok := member.(httpsfv.Item); there && ok && item.Value == true && len(item.Params.Names()) == 0 {
			return forbids
		}
	}
	return reuse(lines)
}

// members returns how many members the lines list.
func members(lines []string) int {
	count := 0
	for _, line := range lines {
		for part := range splitUnquoted(line) {
			if strings.Trim(part, " \t") != "" {
				count++
			}
		}
	}
	return count
}

// reuse returns stores where the lines name a time over 0 that a copy may be used for, or can't be read, and else asks.
func reuse(lines []string) permission {
	for _, line := range lines {
		if strings.Count(line, `"`)%2 != 0 {
			return stores
		}
		for directive := range splitUnquoted(line) {
			name, argument, _ := strings.Cut(directive, "=")
			name = strings.ToLower(strings.Trim(name, " \t"))
			isTime := strings.Contains(name, "maxage") || strings.Contains(name, "max-age") || strings.Contains(name, "ttl") ||
				strings.HasPrefix(name, "stale-")
			if isTime && hasPositive(argument) || name == "!no-store" {
				return stores
			}
		}
	}
	return asks
}

// hasPositive reports whether any number in the text is more than 0: times such as 1d and 3600+60 are written too.
func hasPositive(text string) bool { return strings.ContainsAny(text, "123456789") }

// accelExpires reads X-Accel-Expires, in which nginx is told for how many seconds it may keep the response, or until when
// (@ and the seconds since 1970). With 0 it keeps nothing, and with "off" it goes by the other fields.
func accelExpires(lines []string, now time.Time) permission {
	widest := silent
	for _, line := range lines {
		given := stores
		switch line = strings.Trim(line, " \t"); {
		case isZero(line):
			given = forbids
		case strings.EqualFold(line, "off"):
			given = silent
		case strings.HasPrefix(line, "@"):
			if until, err := strconv.ParseInt(line[1:], 10, 64); err == nil && until <= now.Unix() {
				given = asks
			}
		}
		widest = min(widest, given)
	}
	return widest
}
