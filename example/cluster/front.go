package main

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync/atomic"
)

// Headers of a response. The gateways' Caddyfile sets the first two, for this example alone, and the front sets the last.
const (
	viaHeader      = "X-Gateway-Via"
	userHeader     = "X-Gateway-User"
	servedByHeader = "X-Served-By"
)

// front is the one address of the cluster: it gives each request to the next gateway that runs, and notes which.
type front struct {
	members  []*member
	timeline *timeline
	turn     atomic.Uint64
	proxy    httputil.ReverseProxy
	dial     http.RoundTripper
}

func newFront(members []*member, timeline *timeline) *front {
	f := &front{members: members, timeline: timeline, dial: &http.Transport{MaxIdleConnsPerHost: 16}}
	f.proxy = httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", r.In.Host, r.In.Host
			r.SetXForwarded()
		},
		Transport: f,
		ErrorLog:  log.New(io.Discard, "", 0), // the page shows what has failed
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "No gateway answers: "+err.Error(), http.StatusBadGateway)
		},
	}
	return f
}

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.proxy.ServeHTTP(w, r) }

// errNobodyRuns is returned if all gateways were killed.
var errNobodyRuns = errors.New("all gateways were killed: start one at /cluster/")

// RoundTrip implements [http.RoundTripper]. A request that did not reach a gateway goes to the next one, if it has no body.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	first := int(f.turn.Add(1)-1) % len(f.members)
	order := slices.Concat(f.members[first:], f.members[:first])
	err := errNobodyRuns
	for _, member := range order {
		if member.state() != stateRunning {
			continue
		}
		attempt := r.Clone(r.Context())
		attempt.URL.Host = member.config.Listen
		var response *http.Response
		if response, err = f.dial.RoundTrip(attempt); err == nil {
			f.note(member, r, response)
			return response, nil
		}
		f.timeline.add(moment{Gateway: member.name, Method: r.Method, Path: r.URL.Path})
		var dialing *net.OpError
		unreached := errors.As(err, &dialing) && dialing.Op == "dial"
		if !unreached || r.Body != nil && r.Body != http.NoBody {
			break
		}
	}
	return nil, err
}

// note remembers who served the request, and takes out of the response what is for that alone.
func (f *front) note(by *member, r *http.Request, response *http.Response) {
	by.served.Add(1)
	via := response.Header.Get(viaHeader)
	if !slices.Contains([]string{"token", "session", "none"}, via) {
		via = ""
	}
	user := response.Header.Get(userHeader)
	if via == "none" {
		user = "" // the Caddyfile's placeholder then stands for itself
	}
	f.timeline.add(moment{
		Gateway: by.name, Method: r.Method, Path: r.URL.Path, Status: response.StatusCode, Via: via, User: user,
	})
	response.Header.Set(servedByHeader, by.name)
}
