package whoami

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Answer is the result of a question. The zero value is no answer.
type Answer struct {
	// Failure is why there is no answer. If it is set, nothing else is.
	Failure Reason
	// Status is the status code of the answer, which is 200 or more.
	Status int
	// Header is the header of the answer as the handlers below left it.
	Header http.Header
	// Body is the body as it came, not decoded.
	Body []byte
	// RequestURI is the page that was asked for, from the configuration.
	RequestURI string
	// Received is when the answer was complete.
	Received time.Time
}

// Format writes the status or the failure and nothing else, because the header and the body may hold secrets.
func (a Answer) Format(state fmt.State, _ rune) {
	if a.Failure != "" {
		_, _ = fmt.Fprintf(state, "no answer: %s", a.Failure)
		return
	}
	_, _ = fmt.Fprintf(state, "answer %d", a.Status)
}

// maxLocation is the longest location that is worth showing.
const maxLocation = 512

// location returns where the answer redirects to, as it would be written in the configuration: the path, or the whole
// address where that has the same path. Applications put session ids into path parameters and queries, so of these only
// a query that was asked for is kept. It is empty where the answer does not say.
func (a Answer) location() string {
	base, err := url.ParseRequestURI(a.RequestURI)
	if err != nil {
		return ""
	}
	target, err := base.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		return ""
	}
	shown := &url.URL{Path: withoutParameters(target.Path)}
	if target.RawQuery == base.RawQuery {
		shown.RawQuery = base.RawQuery
	}
	if shown.Path == base.Path && target.Host != "" {
		shown.Scheme, shown.Host = target.Scheme, target.Host
	}
	if text := shown.String(); len(text) <= maxLocation && isVisibleASCII(text) {
		return text
	}
	return ""
}

// withoutParameters removes what follows a semicolon in each segment of a path.
func withoutParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}
