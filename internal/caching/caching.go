package caching

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// MayCarry reports whether a cookie of the gateway may be added to a response of the application. A response that a shared
// cache may store would hand one visitor's cookie to the next (RFC 9111 section 7.3); an answer in part or a 304 changes
// what is stored already; and an error is no place to be signed in.
func MayCarry(status int, header http.Header, now time.Time) bool {
	switch {
	case status < 200, status >= 400, status == http.StatusPartialContent, status == http.StatusNotModified:
		return false
	}
	return !mayStore(header, now)
}

// MayBeAnothers reports whether a response may have been made for another visitor: a cache has kept it (RFC 9111 section
// 5.1), may keep it for others, or the response changes what a cache has kept.
func MayBeAnothers(status int, header http.Header, now time.Time) bool {
	return len(header["Age"]) > 0 || status == http.StatusNotModified || mayStore(header, now)
}

// MayReuse reports whether a shared cache may give the answer away for some time without asking the application (RFC 9111
// sections 3 and 4.2). Only explicit freshness counts. Received is when the answer came.
func MayReuse(header http.Header, received time.Time) bool {
	if targeted(header, received) == stores {
		return true
	}
	control := readControl(header["Cache-Control"])
	switch {
	case control.isMisunderstood:
		return true
	case control.keepsOut(), control.noCache:
		return false
	case control.stale, control.positive:
		return true
	case control.explicit:
		return false
	}
	return expiresLater(header, received.Truncate(time.Second))
}

// mayStore reports whether the application told some shared cache that it may store the response, or for how long the
// response is fresh without keeping it private.
func mayStore(header http.Header, now time.Time) bool {
	if targeted(header, now) < forbids {
		return true
	}
	control := readControl(header["Cache-Control"])
	switch {
	case control.isMisunderstood:
		return true
	case control.keepsOut():
		return false
	case control.open, control.stale, control.maxAgeNotZero:
		return true
	case control.explicit:
		return false
	}
	return expiresLater(header, now)
}

// expiresLater reports whether a date in Expires is after that in Date, or after now where there is none. What is no date
// means that the response has expired (RFC 9111 section 5.3).
func expiresLater(header http.Header, now time.Time) bool {
	lines := header["Expires"]
	if len(lines) == 0 {
		return false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	for _, line := range lines {
		if expires, err := http.ParseTime(line); err == nil && expires.After(now) {
			return true
		}
	}
	return false
}

// KeepPrivate adds what keeps a response with our cookie out of shared caches, and tells those that look no further than
// the URL that it depends on the cookie.
func KeepPrivate(header http.Header) {
	if !readControl(header["Cache-Control"]).keepsOut() {
		header.Add("Cache-Control", "private")
	}
	for _, line := range header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return
			}
		}
	}
	header.Add("Vary", "Cookie")
}
