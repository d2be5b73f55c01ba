package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// runVariable makes this test program a Caddy: it runs the Caddyfile that the variable names.
const runVariable = "CLUSTER_TEST_RUN"

func TestMain(m *testing.M) {
	if config := os.Getenv(runVariable); config != "" {
		os.Args = []string{"caddy", "run", "--adapter", "caddyfile", "--config", config}
		caddycmd.Main()
		return
	}
	os.Exit(scratch.Run(m))
}

const (
	sessionCookie = "session"
	tokenCookie   = "jwt_shop"

	// maxStale is for how long a gateway answers that has lost the server. A server that is paused must not use it up.
	maxStale = pauseTime + 5*time.Second
	// lifetime is that of a token. One that is used has at least half of it left when the server is lost.
	lifetime = 2 * maxStale
	// startTime is how long a gateway may take to start, on a machine that is slow.
	startTime = time.Minute
)

const caddyfile = `{
	admin %s
	persist_config off
	auto_https off
	skip_install_trust
	storage file_system %q
	log {
		output stderr
		level WARN
	}
	jwt_session {
		store redis %s {
			max_stale %s
		}
	}
}
http://%s {
	jwt_session shop {
		whoami /whoami json user {
			timeout 10s
			max_concurrent 256
			max_per_client 256
		}
		token_lifetime %s
		unauthenticated /login pass
	}
	request_header X-Via {http.jwt_session.via}
	request_header X-Reason {http.jwt_session.reason}
	reverse_proxy %s
}
`

// gateway is a Caddy in a process of its own, with a directory and a way to the server of its own.
type gateway struct {
	t       *testing.T
	number  int
	address string
	admin   string
	dir     string // of everything that it writes
	config  string // the Caddyfile
	proxy   *redistest.Proxy
	client  *http.Client

	weather

	output lines
	child  *os.Process
	exited chan struct{} // closed when the child has ended
}

func newGateway(t *testing.T, number int, server, application string) *gateway {
	t.Helper()
	g := &gateway{
		t: t, number: number, address: gatewaytest.FreeAddress(t), admin: gatewaytest.FreeAddress(t),
		dir: filepath.Join(t.TempDir(), "gateway"), proxy: redistest.NewProxy(t, server),
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	g.client = &http.Client{
		Transport: transport, Timeout: startTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	g.config = filepath.Join(t.TempDir(), "Caddyfile")
	text := fmt.Sprintf(caddyfile, g.admin, filepath.Join(g.dir, "storage"), g.proxy.URL(), maxStale, g.address, lifetime, application)
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	return g
}

// start starts the process and returns once the gateway answers.
func (g *gateway) start() {
	g.t.Helper()
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		g.t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), runVariable+"="+g.config, "HOME="+g.dir, "XDG_DATA_HOME="+g.dir, "XDG_CONFIG_HOME="+g.dir)
	command.Stdout, command.Stderr = &g.output, &g.output
	if err := command.Start(); err != nil {
		g.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(exited)
	}()
	g.child, g.exited = command.Process, exited
	g.wait("its answer", startTime, func() bool {
		response, err := g.client.Get("http://" + g.address + "/page")
		if err != nil {
			return false
		}
		drain(response)
		return response.StatusCode == http.StatusUnauthorized && g.call(http.MethodGet, "keys", "", nil) == nil
	})
	g.end(dead)
}

// kill ends the process at once.
func (g *gateway) kill() {
	if g.child == nil {
		return
	}
	_ = g.child.Kill() // an error: it has ended
	<-g.exited
	g.child = nil
}

// wipe removes everything that the gateway has written, as on a machine that is replaced.
func (g *gateway) wipe() {
	g.t.Helper()
	if err := os.RemoveAll(g.dir); err != nil {
		g.t.Fatal(err)
	}
}

// wait waits until something is reached, and fails if the gateway ends before that.
func (g *gateway) wait(what string, limit time.Duration, reached func() bool) {
	g.t.Helper()
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); !reached(); <-ticker.C {
		select {
		case <-g.exited:
			g.t.Fatalf("gateway %d has ended:\n%s", g.number, g.output.tail())
		default:
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("gateway %d, after %s: never came: %s\n%s", g.number, limit, what, g.output.tail())
		}
	}
}

// askAgain is the pause between two questions whether something has come.
const askAgain = 50 * time.Millisecond

// refusal is an answer of the admin API that is not 200.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

// call asks the admin API, and reads its answer if into is not nil.
func (g *gateway) call(method, route, body string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+"/jwt_session/"+route, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := g.client.Do(request)
	if err != nil {
		return err
	}
	text := drain(response)
	if response.StatusCode != http.StatusOK {
		return refusal{response.StatusCode, string(text)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func drain(response *http.Response) []byte {
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return text
}

// isConnected reports whether the gateway says that it is connected to the server and decides requests.
func (g *gateway) isConnected() bool {
	var status struct {
		Link struct {
			Connected, Answers bool
		}
	}
	return g.call(http.MethodGet, "status", "", &status) == nil && status.Link.Connected && status.Link.Answers
}

// hasLostServer reports whether the gateway says that it is not connected.
func (g *gateway) hasLostServer() bool {
	var status struct {
		Link *struct{ Connected bool }
	}
	return g.call(http.MethodGet, "status", "", &status) == nil && status.Link != nil && !status.Link.Connected
}

// revocation is one of the list of revocations in force.
type revocation struct {
	Kind    string     `json:"kind"`
	Realm   string     `json:"realm"`
	User    string     `json:"user"`
	Session string     `json:"session_hash"`
	TokenID string     `json:"jti_hash"`
	Since   *time.Time `json:"since"`
	Expires time.Time  `json:"expires"`
}

// subject returns what the revocation hits.
func (r revocation) subject() string {
	return strings.Join([]string{r.Kind, r.Realm, r.User, r.Session, r.TokenID}, "|")
}

// revocations returns the revocations in force, by what they hit.
func (g *gateway) revocations() (map[string]revocation, error) {
	found := make(map[string]revocation)
	for after := ""; ; {
		var page struct {
			Revocations []revocation
			Next        string
		}
		body, err := json.Marshal(map[string]any{"limit": 1000, "after": after})
		if err != nil {
			return nil, err
		}
		if after == "" {
			body = []byte(`{"limit": 1000}`)
		}
		if err := g.call(http.MethodPost, "revocations/list", string(body), &page); err != nil {
			return nil, err
		}
		for _, one := range page.Revocations {
			found[one.subject()] = one
		}
		if after = page.Next; after == "" {
			return found, nil
		}
	}
}

// isUnreachable reports whether a request got no answer, or was not acknowledged since the server could not be asked.
func isUnreachable(err error) bool {
	var refused refusal
	return err != nil && (!errors.As(err, &refused) || refused.status >= 500)
}

// lines is what a process has written. It is safe for concurrent use.
type lines struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// tail returns the end.
func (l *lines) tail() string {
	text := l.String()
	return text[max(0, len(text)-8000):]
}
