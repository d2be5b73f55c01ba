package cookie

import (
	"net"
	"slices"
	"strings"
	"time"
)

// Line is what counts of a Set-Cookie line.
type Line struct {
	Name, Value string
	// Domain is in lower case and without a leading dot. It is empty where the line names none.
	Domain string
	// Path is empty where the line names none that browsers take.
	Path                          string
	Secure, HTTPOnly, Partitioned bool

	maxAge  string
	expires time.Time // zero where the line names none that can be read
}

// maxAttribute is the longest value of an attribute that browsers read (RFC 6265bis section 5.6).
const maxAttribute = 1024

// ReadLine reads a Set-Cookie line as browsers do (RFC 6265bis section 5.6): leniently, of each attribute the last one
// counts, and the value is taken as it stands. net/http drops lines whose value it finds invalid, which browsers take.
func ReadLine(text string) Line {
	pair, attributes, _ := strings.Cut(text, ";")
	name, value, _ := strings.Cut(pair, "=")
	line := Line{Name: trim(name), Value: trim(value)}
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		if value = trim(value); len(value) <= maxAttribute {
			line.take(trim(name), value)
		}
	}
	return line
}

// take reads one attribute.
func (l *Line) take(name, value string) {
	switch strings.ToLower(name) {
	case "max-age":
		if isMaxAge(value) {
			l.maxAge = value
		}
	case "expires":
		if date, ok := parseDate(value); ok {
			l.expires = date
		}
	case "path":
		if l.Path = value; !strings.HasPrefix(value, "/") {
			l.Path = ""
		}
	case "domain":
		l.Domain = strings.ToLower(strings.TrimPrefix(value, "."))
	case "secure":
		l.Secure = true
	case "httponly":
		l.HTTPOnly = true
	case "partitioned":
		l.Partitioned = true
	}
}

// Removes reports whether the line takes the cookie from the browser. Max-Age counts before Expires.
func (l Line) Removes(now time.Time) bool {
	if l.maxAge != "" {
		return l.maxAge[0] == '-' || strings.Trim(l.maxAge, "0") == ""
	}
	return !l.expires.IsZero() && !l.expires.After(now)
}

// isMaxAge reports whether the text is a number of seconds, of whatever length (RFC 6265bis section 5.6.2).
func isMaxAge(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

func trim(text string) string { return strings.Trim(text, " \t") }

// Request is what of a request the places of its response's cookies depend on. Both are as the client sent them.
type Request struct {
	Host string // it may have a port
	Path string // as it is escaped in the URL
}

// Variant is the place in which a browser keeps a cookie. It keeps one cookie in each (RFC 6265bis section 5.7), and
// partitioned ones apart from all others (CHIPS).
type Variant struct {
	Name string
	// Domain is empty where the cookie is for the host alone.
	Domain, Path string
	Partitioned  bool
}

// Variant returns the place of the cookie, where a response to the request sets it.
func (l Line) Variant(r Request) Variant {
	variant := Variant{Name: l.Name, Domain: l.Domain, Path: l.Path, Partitioned: l.Partitioned}
	if variant.Path == "" {
		variant.Path = defaultPath(r.Path)
	}
	if variant.Domain != "" && isHostOnly(variant.Domain, r.Host) {
		variant.Domain = ""
	}
	return variant
}

// isHostOnly reports whether a cookie that names the domain is one for the host alone: a name without a dot is a public
// suffix, and an address has no domain.
func isHostOnly(domain, host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return strings.Trim(domain, "[]") == host && (!strings.Contains(host, ".") || net.ParseIP(host) != nil)
}

// defaultPath returns the path of a cookie that names none (RFC 6265bis section 5.1.4).
func defaultPath(requestPath string) string {
	last := strings.LastIndexByte(requestPath, '/')
	if last <= 0 || requestPath[0] != '/' {
		return "/"
	}
	return requestPath[:last]
}

// Sets reports whether one of the Set-Cookie lines sets or removes a cookie of the name.
func Sets(lines []string, name string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return ReadLine(line).Name == name })
}

// Gives reports whether one of the Set-Cookie lines gives a cookie of the name a value.
func Gives(lines []string, name string, now time.Time) bool {
	return slices.ContainsFunc(lines, func(text string) bool {
		line := ReadLine(text)
		return line.Name == name && line.Value != "" && !line.Removes(now)
	})
}
