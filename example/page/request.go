package shop

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Headers that the gateway sets, as example/Caddyfile has it. The shop shows them and decides nothing by them.
const (
	userHeader = "OurApp-User-ID"
	roleHeader = "OurApp-User-Role"
	viaHeader  = "X-Gateway-Via"
)

// Header is one header line as the page shows it.
type Header struct{ Name, Value string }

// received is what came with one request.
type received struct {
	Time   time.Time
	Method string
	Path   string
	Via    string // token, session, none, or empty where the gateway did not say
	User   string // what the gateway says, not what the shop's session says
	Main   []Header
	Others []Header
}

// readRequest notes what a request brought. Values of cookies are shortened, so that a picture of the page is no key.
func readRequest(r *http.Request, now time.Time) received {
	noted := received{Time: now, Method: r.Method, Path: cut(r.URL.Path, 40), User: r.Header.Get(userHeader)}
	if via := r.Header.Get(viaHeader); via == "token" || via == "session" || via == "none" {
		noted.Via = via
	}
	noted.Main = []Header{
		{"Cookie", shortCookies(r.Header.Values("Cookie"))},
		{userHeader, strings.Join(r.Header.Values(userHeader), ", ")},
		{roleHeader, strings.Join(r.Header.Values(roleHeader), ", ")},
		{viaHeader, strings.Join(r.Header.Values(viaHeader), ", ")},
	}
	noted.Others = []Header{{"Host", cut(r.Host, 120)}}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !noted.isMain(name) {
			noted.Others = append(noted.Others, Header{name, cut(strings.Join(r.Header.Values(name), ", "), 120)})
		}
	}
	return noted
}

func (n received) isMain(name string) bool {
	return slices.ContainsFunc(n.Main, func(header Header) bool { return strings.EqualFold(header.Name, name) })
}

// Clock is the time of day of the request.
func (n received) Clock() string { return n.Time.Format("15:04:05") }

// Asked says whether this looks like the gateway's own question: the page that answers it, without a visitor's via.
func (n received) Asked() bool { return n.Path == WhoamiPath && n.Via == "" }

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
