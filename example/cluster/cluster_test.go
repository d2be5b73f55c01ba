package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

// The whole example as a user starts it: build, server, gateways, front, a visit in which machines die, and the end.
func TestCluster(t *testing.T) {
	profile := t.TempDir()
	browse := true // with the first server alone
	eachServer(t, func(t *testing.T, program string) {
		testCluster(t, program, func(t *testing.T, all *cluster) {
			if browse {
				testBrowser(t, all, profile)
			}
			browse = false
		})
	})
}

func testCluster(t *testing.T, program string, browse func(*testing.T, *cluster)) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := make(chan *cluster, 1)
	ended := make(chan error, 1)
	var output bytes.Buffer
	options := options{
		listen: gatewaytest.FreeAddress(t), server: program, dir: t.TempDir(), maxStale: time.Minute, buildFlags: raceFlags(),
		started: func(all *cluster) { started <- all },
	}
	go func() { ended <- run(ctx, options, &output) }()
	select {
	case err := <-ended:
		t.Fatalf("the example did not start: %v\n%s", err, output.String())
	case all := <-started:
		t.Run("browser", func(t *testing.T) { browse(t, all) })
		t.Run("visit", func(t *testing.T) { testVisit(t, all) })
		t.Run("files", func(t *testing.T) { testContainers(t, all) })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ending the example: %v", err)
	}
	for _, want := range []string{"Building the gateway", "Three gateways share one server", filepath.Base(program)} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, output.String())
		}
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	logs, err := filepath.Glob(filepath.Join(options.dir, "*", "*.log"))
	if err != nil || len(logs) != memberCount+1 {
		t.Errorf("logs %q, %v", logs, err)
	}
	for _, name := range logs {
		if log, err := os.ReadFile(name); err != nil || bytes.Contains(log, []byte("DATA RACE")) || bytes.Contains(log, []byte("panic")) {
			t.Errorf("%s: %v\n%s", name, err, log)
		}
	}
}

// raceFlags builds the gateway with the race detector where the test has it: its packages are compiled already then.
func raceFlags() []string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

// person visits the cluster with a browser of his own.
type person struct {
	t      *testing.T
	all    *cluster
	client http.Client
}

func newPerson(t *testing.T, all *cluster) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{t, all, http.Client{Jar: jar, CheckRedirect: stay, Timeout: 20 * time.Second}}
}

// answer is what came of a request.
type answer struct {
	status        int
	by, user, via string
	body          string
}

// get asks an address, by the cookies of the host alone: to a browser all gateways of the example are one.
func (p *person) get(address, path string) answer {
	p.t.Helper()
	response, err := p.client.Get("http://" + address + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		p.t.Fatal(err)
	}
	header := response.Header.Get
	return answer{response.StatusCode, header(servedByHeader), header(userHeader), header(viaHeader), body.String()}
}

// press presses a button of the page.
func (p *person) press(path string, fields ...string) {
	p.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Set(pair[0], pair[1])
	}
	response, err := p.client.PostForm("http://"+p.all.address+panelPath+path, form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		var body bytes.Buffer
		_, _ = body.ReadFrom(response.Body)
		p.t.Fatalf("%s answers %d: %s", path, response.StatusCode, &body)
	}
}

// until waits for something to hold.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !comes(holds) {
		t.Fatalf("%s: not seen", what)
	}
}

// comes waits for something to hold, and reports whether it came to.
func comes(holds func() bool) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// untilLinked waits until every gateway that runs says whether it is connected to the server.
func untilLinked(t *testing.T, all *cluster, want bool) {
	t.Helper()
	for _, member := range all.members {
		if member.state() == stateRunning {
			until(t, member.name+" is linked to the server", func() bool {
				link, err := member.link(t.Context())
				return err == nil && link.connected == want
			})
		}
	}
}

// everywhere returns what each gateway that runs answers, asked directly.
func (p *person) everywhere(path string) map[string]answer {
	p.t.Helper()
	answers := map[string]answer{}
	for _, member := range p.all.members {
		if member.state() == stateRunning {
			answers[member.name] = p.get(member.config.Listen, path)
		}
	}
	return answers
}

// untilRefused waits until every gateway refuses the person.
func (p *person) untilRefused() {
	p.t.Helper()
	until(p.t, "a refusal everywhere", func() bool {
		for _, answer := range p.everywhere("/account") {
			if answer.status != http.StatusUnauthorized {
				return false
			}
		}
		return true
	})
}

func (p *person) wantEverywhere(status int, via string) {
	p.t.Helper()
	for name, answer := range p.everywhere("/account") {
		if answer.status != status || via != "" && answer.via != via {
			p.t.Errorf("%s answers %d by %q, want %d by %q", name, answer.status, answer.via, status, via)
		}
	}
}

func testVisit(t *testing.T, all *cluster) {
	alice, bob := newPerson(t, all), newPerson(t, all)
	alice.press("sign-in", "user", "alice")
	by := map[string]bool{}
	for i := range 6 {
		answer := alice.get(all.address, "/account")
		if answer.status != http.StatusOK || answer.user != "alice" {
			t.Errorf("request %d: %d for %q by %s", i, answer.status, answer.user, answer.by)
		}
		by[answer.by] = true
	}
	if len(by) != memberCount {
		t.Errorf("served by %v", by)
	}
	alice.wantEverywhere(http.StatusOK, "token")

	alice.press("gateways/2/kill")
	for range 4 {
		if answer := alice.get(all.address, "/account"); answer.status != http.StatusOK || answer.by == "gateway 2" {
			t.Errorf("with gateway 2 away: %d by %s", answer.status, answer.by)
		}
	}
	alice.press("gateways/1/revoke", "user", "alice")
	alice.wantRefusalWithin(all.members[0], 0)
	alice.wantRefusalWithin(all.members[2], time.Second)
	alice.press("gateways/2/start") // which has to learn what it missed before it answers
	alice.wantEverywhere(http.StatusUnauthorized, "")

	alice.press("sign-in", "user", "alice") // a new sign-in counts
	alice.press("visit")
	alice.wantEverywhere(http.StatusOK, "token")
	untilLinked(t, all, true)
	alice.press("server/kill")
	alice.wantEverywhere(http.StatusOK, "token")
	untilLinked(t, all, false)
	alice.wantEverywhere(http.StatusOK, "token")
	if answer := alice.get(all.address, panelPath); !strings.Contains(answer.body, "cut off") || strings.Count(answer.body, ">killed<") != 1 {
		t.Errorf("the page does not show the server's death:\n%s", answer.body)
	}
	alice.press("server/start")
	untilLinked(t, all, true)
	alice.wantEverywhere(http.StatusOK, "token")
	alice.press("sign-out")
	alice.untilRefused()

	bob.press("sign-in", "user", "bob")
	bob.press("visit")
	bob.wantEverywhere(http.StatusOK, "token")
	bob.press("gateways/3/revoke", "user", "bob")
	bob.untilRefused()
	bob.press("server/empty")
	for range 20 {
		bob.wantEverywhere(http.StatusUnauthorized, "") // or 503 would be right, too, where nobody can tell
	}
	untilLinked(t, all, true)
	bob.wantEverywhere(http.StatusUnauthorized, "")
	for name, path := range map[string]string{"kill": "gateways/7/kill", "revoke": "gateways/0/revoke"} {
		response, err := bob.client.PostForm("http://"+all.address+panelPath+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusConflict {
			t.Errorf("%s of no gateway answers %d", name, response.StatusCode)
		}
	}
}

// wantRefusalWithin checks how long a gateway goes on to let a revoked person in.
func (p *person) wantRefusalWithin(by *member, bound time.Duration) {
	p.t.Helper()
	began := time.Now()
	for {
		asked := time.Now()
		answer := p.get(by.config.Listen, "/account")
		if answer.status == http.StatusUnauthorized {
			return
		}
		if answer.status != http.StatusOK {
			p.t.Fatalf("%s answers %d", by.name, answer.status)
		}
		if asked.Sub(began) > bound || bound == 0 {
			p.t.Fatalf("%s lets a revoked user in after %v", by.name, asked.Sub(began))
		}
	}
}
