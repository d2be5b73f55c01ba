package page

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Headers that the gateway sets, as example/Caddyfile has it.
const (
	UserHeader = "OurApp-User-ID"
	RoleHeader = "OurApp-User-Role"
	NameHeader = "OurApp-User-Name"
	ViaHeader  = "X-Gateway-Via"
)

// identityHeaders are those that say who the user is.
var identityHeaders = []string{UserHeader, RoleHeader, NameHeader}

// ways are the paths that a request can take through the gateway.
var ways = []string{"token", "session", "issuer", "none"}

// Header is one header line as the page shows it.
type Header struct{ Name, Value string }

// Request is what came with one request. Its lengths are those of whole header lines, as HTTP/1.1 writes them, in bytes.
type Request struct {
	Time    time.Time
	Service string // that received it
	Method  string
	Path    string
	Via     string // token, session, issuer, none, or empty where the gateway did not say
	User    string // whom the gateway names, or the token that the service verified
	Main    []Header
	Others  []Header

	Cookie        int
	Authorization int
	Identity      int
}

// Read notes what a request to a service brought. Values of cookies and tokens are shortened, so that a picture of the
// page is no key.
func Read(service string, r *http.Request, now time.Time) Request {
	noted := Request{
		Time: now, Service: service, Method: r.Method, Path: cut(r.URL.Path, 40), User: r.Header.Get(UserHeader),
		Cookie: length(r, "Cookie"), Authorization: length(r, "Authorization"), Identity: length(r, identityHeaders...),
	}
	if via := r.Header.Get(ViaHeader); slices.Contains(ways, via) {
		noted.Via = via
	}
	noted.Main = []Header{{"Cookie", shortCookies(r.Header.Values("Cookie"))}}
	if scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " "); found {
		noted.Main = append(noted.Main, Header{"Authorization", cut(scheme, 20) + " " + cut(token, 6)})
	}
	for _, name := range []string{UserHeader, RoleHeader, NameHeader, ViaHeader} {
		if values := r.Header.Values(name); len(values) > 0 || name != NameHeader {
			noted.Main = append(noted.Main, Header{name, cut(strings.Join(values, ", "), 120)})
		}
	}
	noted.Others = []Header{{"Host", cut(r.Host, 120)}}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !noted.isMain(name) && name != "Authorization" {
			noted.Others = append(noted.Others, Header{name, cut(strings.Join(r.Header.Values(name), ", "), 120)})
		}
	}
	return noted
}

// length is how long the lines of these headers are together: name, colon, space, value and line end.
func length(r *http.Request, names ...string) int {
	sum := 0
	for _, name := range names {
		for _, value := range r.Header.Values(name) {
			sum += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return sum
}

func (q Request) isMain(name string) bool {
	return slices.ContainsFunc(q.Main, func(header Header) bool { return strings.EqualFold(header.Name, name) })
}

// Clock is the time of day of the request.
func (q Request) Clock() string { return q.Time.Format("15:04:05") }

// Asked reports whether this looks like the gateway's own question who the visitor is: it has no way of its own.
func (q Request) Asked() bool { return q.Path == "/whoami" && q.Via == "" }

// shortCookies is the Cookie header with the values cut short.
func shortCookies(lines []string) string {
	var pairs []string
	for _, line := range lines {
		for segment := range strings.SplitSeq(line, ";") {
			if segment = strings.TrimSpace(segment); segment != "" {
				name, value, _ := strings.Cut(segment, "=")
				pairs = append(pairs, cut(name, 40)+"="+cut(value, 6))
			}
		}
	}
	return strings.Join(pairs, "; ")
}

// cut shortens a text to that many runes.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}
