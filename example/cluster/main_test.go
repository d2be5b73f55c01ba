package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.Run(m)) }

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		arguments string
		want      options
		err       string // a part of the error; empty: none
	}{
		{arguments: "", want: options{listen: "127.0.0.1:8090", anyPort: true, maxStale: time.Minute}},
		{
			arguments: "--listen 127.0.0.1:0 --dir /d --server redis-server --max-stale 5m",
			want:      options{listen: "127.0.0.1:0", dir: "/d", server: "redis-server", maxStale: 5 * time.Minute},
		},
		{arguments: "--listen 0.0.0.0:8090", err: "loopback"},
		{arguments: "--max-stale 1", err: "max-stale"},
		{arguments: "--max-stale 0s", err: "30s or longer"},
		{arguments: "--port 8090", err: "port"},
		{arguments: "now", err: `"now"`},
	} {
		got, err := parseOptions(strings.Fields(test.arguments), io.Discard)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: error %v, want one with %q", test.arguments, err, test.err)
			}
			continue
		}
		if err != nil || got.listen != test.want.listen || got.anyPort != test.want.anyPort || got.dir != test.want.dir ||
			got.server != test.want.server || got.maxStale != test.want.maxStale {
			t.Errorf("%q: %+v, %v; want %+v", test.arguments, got, err, test.want)
		}
	}
	if _, err := parseOptions([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v, want flag.ErrHelp", err)
	}
}

func TestHelpAndMistakesHaveTheirExitCodes(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := command(t.Context(), []string{"--help"}, &stdout, &stderr); code != 0 || stdout.String() != usage || stderr.Len() > 0 {
		t.Errorf("--help: code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	stdout.Reset()
	if code := command(t.Context(), []string{"--nonsense"}, &stdout, &stderr); code != 2 || stdout.Len() > 0 || stderr.Len() == 0 {
		t.Errorf("--nonsense: code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

// Without a server in PATH the error says how to get one.
func TestNoServerIsInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var stderr bytes.Buffer
	if code := command(t.Context(), nil, io.Discard, &stderr); code != 1 {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{"valkey-server", "redis-server", "apt-get install", "--server"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the error lacks %q: %s", want, stderr.String())
		}
	}
}

// eachServer runs the test with each server that is installed, and skips it where there is none.
func eachServer(t *testing.T, test func(*testing.T, string)) {
	found := false
	for _, program := range serverPrograms {
		if path, err := exec.LookPath(program); err == nil {
			found = true
			t.Run(program, func(t *testing.T) { test(t, path) })
		}
	}
	if !found {
		if os.Getenv("REQUIRE_APPS") != "" {
			t.Fatal("neither Redis nor Valkey is installed, and this run may skip nothing")
		}
		t.Skip("the test needs a server: install valkey-server or redis-server (or set REQUIRE_APPS=1 to fail instead)")
	}
}

// The server takes the settings that the containers use, keeps what it was told over a kill, and can be emptied.
func TestServer(t *testing.T) {
	eachServer(t, func(t *testing.T, program string) {
		s, err := newServer(program, t.TempDir(), gatewaytest.FreeAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
		if s.running() {
			t.Error("it runs before it was started")
		}
		if err := s.kill(); err != nil {
			t.Errorf("killing what never ran: %v", err)
		}
		for range 2 {
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.start(t.Context()); err == nil || !strings.Contains(err.Error(), "runs already") {
				t.Errorf("starting it twice: %v", err)
			}
			if err := s.empty(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.kill(); err != nil {
				t.Fatal(err)
			}
			if s.running() || s.say(t.Context(), "PING") == nil {
				t.Error("it answers after it was killed")
			}
		}
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.say(t.Context(), "CONFIG"); err == nil {
			t.Error("the operator of the example may do more than he needs")
		}
	})
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	eachServer(t, func(t *testing.T, program string) {
		address := gatewaytest.FreeAddress(t)
		taken := httptest.NewUnstartedServer(http.NotFoundHandler())
		defer taken.Close()
		s, err := newServer(program, t.TempDir(), taken.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.start(t.Context()); err == nil || !strings.Contains(err.Error(), "log") {
			t.Errorf("at a taken address: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if s, err = newServer(program, t.TempDir(), address); err != nil {
			t.Fatal(err)
		}
		if err := s.start(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A cluster whose gateways never ran, and its page.
func idleCluster(t *testing.T) (*cluster, http.Handler) {
	t.Helper()
	s, err := newServer("/usr/bin/valkey-server", t.TempDir(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	idle := &cluster{address: "127.0.0.1:8090", server: s, timeline: new(timeline), maxStale: time.Minute}
	for _, name := range []string{"gateway 1", "gateway 2", "gateway 3"} {
		idle.members = append(idle.members, &member{name: name})
	}
	return idle, idle.handler()
}

// What changes something is for the page itself, and for programs; another site's page and another name of this machine get
// nothing.
func TestThePageIsNotForOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path, host string
		header             map[string]string
		status             int
		done               bool
	}{
		"the page itself":            {method: "POST", header: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8090"}, status: 303, done: true},
		"a program":                  {method: "POST", status: 303, done: true},
		"by the name localhost":      {method: "POST", host: "localhost:8090", status: 303, done: true},
		"another site":               {method: "POST", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, status: 403},
		"another port":               {method: "POST", header: map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"}, status: 403},
		"an old browser, elsewhere":  {method: "POST", header: map[string]string{"Origin": "https://evil.example"}, status: 403},
		"a name that leads here":     {method: "POST", host: "evil.example:8090", status: 421},
		"a link to it":               {method: "GET", status: 405},
		"no such gateway":            {method: "POST", path: "gateways/4/kill", status: 409, done: true},
		"no such gateway, a browser": {method: "POST", path: "gateways/x/kill", header: map[string]string{"Sec-Fetch-Site": "same-origin"}, status: 303, done: true},
		"reading by another name":    {method: "GET", path: "", host: "evil.example", status: 421},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idle, handler := idleCluster(t)
			path := test.path
			if path == "" {
				path = "gateways/2/kill"
			}
			r := httptest.NewRequest(test.method, "http://127.0.0.1:8090"+panelPath+path, nil)
			if test.host != "" {
				r.Host = test.host
			}
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != test.status || (len(idle.timeline.newest()) > 0) != test.done {
				t.Errorf("status %d, noted %v; want %d, %t", w.Code, idle.timeline.newest(), test.status, test.done)
			}
		})
	}
}

// With all gateways gone the front says so, and where to start one.
func TestNobodyRuns(t *testing.T) {
	t.Parallel()
	idle, handler := idleCluster(t)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8090/account", nil))
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), panelPath) {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8090"+panelPath, nil))
	if text := w.Body.String(); w.Code != http.StatusOK || strings.Count(text, ">killed<") != 4 || !strings.Contains(text, "Nothing yet") {
		t.Errorf("the page: status %d\n%s", w.Code, text)
	}
	if err := idle.close(); err != nil {
		t.Error(err)
	}
}

func TestWelcomeNamesEverything(t *testing.T) {
	t.Parallel()
	idle, _ := idleCluster(t)
	for i, member := range idle.members {
		member.config.Listen, member.config.Admin = "127.0.0.1:100"+string(rune('1'+i)), "127.0.0.1:200"+string(rune('1'+i))
	}
	var text bytes.Buffer
	welcome(&text, idle, "/state")
	for _, want := range []string{
		"http://127.0.0.1:8090/cluster/", "127.0.0.1:1001", "127.0.0.1:2003", "valkey-server at 127.0.0.1:1", "alice with alice-pass-1", "/state", "Ctrl-C", "for 1 min after",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the welcome lacks %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), idle.server.password) {
		t.Error("the welcome shows the password of the server")
	}
}

func TestTimelineKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var kept timeline
	for i := range 3 * timelineLength {
		kept.add(moment{Status: i})
	}
	newest := kept.newest()
	if len(newest) != timelineLength || newest[0].Status != 3*timelineLength-1 {
		t.Errorf("%d moments, the newest %+v", len(newest), newest[0])
	}
	for status, want := range map[int]string{0: "down", 200: "running", 303: "running", 401: "refused", 503: "down"} {
		if got := (moment{Status: status}).Style(); got != want {
			t.Errorf("the style of %d is %s, want %s", status, got, want)
		}
	}
}

// The address of a gateway is nothing that a visitor chooses.
func TestVisitorKeepsToTheFront(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8090/cluster/visit", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: "a"})
	v, err := newVisitor("127.0.0.1:8090", r)
	if err != nil {
		t.Fatal(err)
	}
	if cookies := v.client.Jar.Cookies(v.base); len(cookies) != 1 || cookies[0].Value != "a" {
		t.Errorf("cookies %v", cookies)
	}
	if cookies := v.client.Jar.Cookies(&url.URL{Scheme: "http", Host: "elsewhere.example"}); len(cookies) > 0 {
		t.Errorf("elsewhere: %v", cookies)
	}
	if err := v.signIn(t.Context(), "mallory"); err == nil {
		t.Error("somebody whom the shop does not know signed in")
	}
}
