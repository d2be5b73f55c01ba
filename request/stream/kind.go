package stream

import (
	"net/http"
	"strings"
)

// May reports whether a request asks for a stream. One that does not may get it all the same, and over HTTP/3 there is no
// other way to cut that.
func May(r *http.Request) bool {
	if len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect || r.ProtoMajor >= 3 {
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(strings.ToLower(accept), eventStream) {
			return true
		}
	}
	return false
}

const eventStream = "text/event-stream"

// Is reports whether this is the head of a stream. An extended CONNECT is answered with 200 (RFC 8441 section 5).
func Is(r *http.Request, status int, header http.Header) bool {
	if status == http.StatusSwitchingProtocols {
		return true
	}
	if status < 200 || status > 299 {
		return false
	}
	if r.Method == http.MethodConnect {
		return true
	}
	types := header["Content-Type"]
	if len(types) == 0 || len(types[0]) < len(eventStream) || !strings.EqualFold(types[0][:len(eventStream)], eventStream) {
		return false
	}
	parameters := strings.Trim(types[0][len(eventStream):], " \t")
	return parameters == "" || parameters[0] == ';'
}
