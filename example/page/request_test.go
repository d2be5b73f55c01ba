package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCookiesAreShortened(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "",
		"a=1;; b=2;":                        "a=1; b=2",
		"session=abcdefghij; theme=dark":    "session=abcdef…; theme=dark",
		"flag":                              "flag=",
		"a=bücher und mehr":                 "a=bücher…",
		strings.Repeat("n", 50) + "=1":      strings.Repeat("n", 40) + "…=1",
		"session=abcdefghij;session=zyxwvu": "session=abcdef…; session=zyxwvu",
	} {
		if got := shortCookies([]string{line}); got != want {
			t.Errorf("shortCookies(%q) = %q, want %q", line, got, want)
		}
	}
	if got := shortCookies(nil); got != "" {
		t.Errorf("no cookies: %q", got)
	}
}

func TestReadCountsWholeLines(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/counter/api/order", nil)
	r.Header.Add("Cookie", "a=1")
	r.Header.Add("Cookie", "b=22")
	r.Header.Set("Authorization", "Bearer abcdefghij")
	r.Header.Set(UserHeader, "alice")
	r.Header.Set(NameHeader, "Alice Adams")
	r.Header.Set(ViaHeader, "issuer")
	read := Read("counter", r, time.Time{})
	written := func(lines ...string) int { return len(strings.Join(lines, "\r\n") + "\r\n") }
	if want := written("Cookie: a=1", "Cookie: b=22"); read.Cookie != want {
		t.Errorf("Cookie has %d bytes, want %d", read.Cookie, want)
	}
	if want := written("Authorization: Bearer abcdefghij"); read.Authorization != want {
		t.Errorf("Authorization has %d bytes, want %d", read.Authorization, want)
	}
	if want := written("OurApp-User-ID: alice", "OurApp-User-Name: Alice Adams"); read.Identity != want {
		t.Errorf("the identity has %d bytes, want %d", read.Identity, want)
	}
	if read.Via != "issuer" || read.User != "alice" || read.Service != "counter" {
		t.Errorf("read %+v", read)
	}
	for _, header := range append(read.Main, read.Others...) {
		if strings.Contains(header.Value, "abcdefghij") {
			t.Errorf("%s shows the whole token", header.Name)
		}
	}
}

func TestReadBelievesNoUnknownWay(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(ViaHeader, "<script>")
	if read := Read("shop", r, time.Time{}); read.Via != "" || read.Cookie != 0 || read.Authorization != 0 || read.Identity != 0 {
		t.Errorf("read %+v", read)
	}
}
