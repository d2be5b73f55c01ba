package chain

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
)

// tokenCookie is the name of the token's cookie.
const tokenCookie = "jwt_shop"

// browserHeader is what a browser sends besides its cookies.
var browserHeader = http.Header{
	"Accept":                    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
	"Accept-Encoding":           {"gzip, deflate, br, zstd"},
	"Accept-Language":           {"en-US,en;q=0.5"},
	"Sec-Fetch-Dest":            {"document"},
	"Sec-Fetch-Mode":            {"navigate"},
	"Sec-Fetch-Site":            {"same-origin"},
	"Upgrade-Insecure-Requests": {"1"},
	"User-Agent":                {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
}

// client sends requests to a server in this process.
type client struct {
	server http.Handler
	base   context.Context
	url    *url.URL
}

func newClient(server http.Handler) *client {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	return &client{
		server: server, base: context.WithValue(context.Background(), http.LocalAddrContextKey, net.Addr(local)),
		url: &url.URL{Path: "/account"},
	}
}

// reply is the head of an answer. The status is 0 if no handler answered.
type reply struct {
	header http.Header
	status int
}

func (r *reply) Header() http.Header { return r.header }

func (r *reply) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return len(p), nil
}

func (r *reply) WriteHeader(status int) {
	if status >= 200 {
		r.status = status
	}
}

// get sends a request and fills in the reply.
func (c *client) get(cookies string, to *reply) {
	header := maps.Clone(browserHeader)
	if cookies != "" {
		header["Cookie"] = []string{cookies}
	}
	at := *c.url
	r := (&http.Request{
		Method: http.MethodGet, URL: &at, RequestURI: at.Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Host: "shop.example", RemoteAddr: "192.0.2.1:50000", Body: http.NoBody,
	}).WithContext(c.base)
	to.header, to.status = make(http.Header), 0
	c.server.ServeHTTP(to, r)
}

// set returns the value that a reply gives a cookie.
func (r *reply) set(name string) (value string, ok bool) {
	for _, line := range r.header["Set-Cookie"] {
		if rest, ours := strings.CutPrefix(line, name+"="); ours {
			value, _, _ = strings.Cut(rest, ";")
			return value, value != ""
		}
	}
	return "", false
}

// jar are the cookies of one user.
type jar struct{ session, token string }

func (j jar) String() string {
	if j.token == "" {
		return application.Cookie + "=" + j.session
	}
	return application.Cookie + "=" + j.session + "; " + tokenCookie + "=" + j.token
}

// take takes what a reply sets.
func (j *jar) take(from *reply) {
	if value, ok := from.set(application.Cookie); ok {
		j.session = value
	}
	if value, ok := from.set(tokenCookie); ok {
		j.token = value
	}
}

// check compares a reply with what is expected.
func (s Spec) check(got *reply) error {
	_, sets := got.set(tokenCookie)
	if got.status != s.Answers || sets != s.Sets {
		return fmt.Errorf("measuring another path than meant: status %d, want %d; the answer brings a token: %t, want %t",
			got.status, s.Answers, sets, s.Sets)
	}
	return nil
}
