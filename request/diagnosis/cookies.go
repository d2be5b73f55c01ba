package diagnosis

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// How many requests without a session cookie are a mistake, if one of their cookies has a name as sessions have, and if none
	// has. Visitors who are not signed in have other cookies too, and one page of theirs takes many requests.
	enoughLikely = 3
	enoughOthers = 200

	maxNames = 8  // how many names of cookies are kept
	maxName  = 40 // and how much of each
)

// likelyParts are what names of session cookies hold.
var likelyParts = []string{"sess", "sid", "auth", "login", "ticket", "aspnetcore", "aspxauth", "logged_in"}

// measuring are how the names of cookies begin that measure visitors, or keep what they chose.
var measuring = []string{
	"_ga", "_gid", "_gat", "_gcl", "_fbp", "_fbc", "__utm", "_hj", "_pk_", "_clck", "_clsk", "ajs_", "mp_", "amp_", "optimizely",
	"intercom-", "hubspot", "__hs", "cookieconsent", "cookie_consent", "cookielaw", "optanon", "consent", "lang", "locale",
	"theme", "timezone", "tz", "cf_", "__cf", "_dd_", "awsalb",
}

// isLikely reports whether a cookie of this name may well be a session's.
func isLikely(name string) bool {
	lower := strings.ToLower(name)
	return !isMeasuring(name) && slices.ContainsFunc(likelyParts, func(part string) bool { return strings.Contains(lower, part) })
}

// isMeasuring reports whether a cookie of this name is surely no session's.
func isMeasuring(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(measuring, func(start string) bool { return strings.HasPrefix(lower, start) })
}

// shown returns the name as a text for the log: visible ASCII, and not too long.
func shown(name string) string {
	visible := strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '?'
		}
		return r
	}, name[:min(len(name), maxName)])
	if len(name) > maxName {
		visible += "..."
	}
	return visible
}

// cookies holds the names of the cookies of requests without a session cookie.
type cookies struct {
	requests, likely int
	names            []string // different ones, maxNames at most
	said             bool
}

func (c *cookies) note(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), isMeasuring)
	if c.said || len(names) == 0 {
		return nil
	}
	slices.SortStableFunc(names, byLikelihood)
	c.requests++
	if isLikely(names[0]) {
		c.likely++
	}
	for _, name := range names {
		if text := shown(name); len(c.names) < maxNames && !slices.Contains(c.names, text) {
			c.names = append(c.names, text)
		}
	}
	if c.likely < enoughLikely && c.requests < enoughOthers {
		return nil
	}
	c.said = true
	slices.SortStableFunc(c.names, byLikelihood)
	return c.names
}

// byLikelihood orders names that may well be a session's before others.
func byLikelihood(a, b string) int {
	rank := func(name string) int {
		if isLikely(name) {
			return 0
		}
		return 1
	}
	return cmp.Compare(rank(a), rank(b))
}
