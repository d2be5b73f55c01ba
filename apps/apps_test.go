package apps

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-jwt-session/caddy-jwt-session"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
	_ "github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

// gatewayVariable makes this test program the gateway itself: a child of the test, with the race detector where the test
// has it.
const gatewayVariable = "JWT_SESSION_TEST_GATEWAY"

func TestMain(m *testing.M) {
	if os.Getenv(gatewayVariable) != "" {
		caddycmd.Main()
		return
	}
	if err := os.Setenv(gatewayVariable, "1"); err != nil { // for the children
		panic(err)
	}
	// A test waits for its application more than it computes.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(scratch.Run(rigs{m}))
}

// An unmodified application behaves behind the gateway as it does without it, each of its requests carries the user that
// the application itself has in mind, and somebody who signs in and looks around is asked about hardly ever.
func TestApplications(t *testing.T) {
	for _, name := range []string{"django-admin", "dokuwiki", "express-session", "flask", "mediawiki", "php-session", "rails", "tomcat-examples"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := application(t, name)
			bare := drive(t, name, app)
			tap, log := startTap(t, app)
			gateway := startGateway(t, name, tap)
			if behind := drive(t, name, gateway.address); behind != bare {
				t.Errorf("the transcripts differ\n--- bare\n%s\n--- behind the gateway\n%s", bare, behind)
			}
			checkVisit(t, gateway, log)
			checkTraffic(t, readRows(t, log))
			checkIdentities(t, log)
			if err := gateway.Stop(); err != nil {
				t.Error(err)
			}
			checkLog(t, gateway.Log(), log)
		})
	}
}

// drive runs the scripted browser and returns its transcript without host and port.
func drive(t *testing.T, name, address string, arguments ...string) string {
	t.Helper()
	arguments = append([]string{filepath.Join(name, "drive.py"), "http://" + address}, arguments...)
	output, err := exec.CommandContext(t.Context(), "python3", arguments...).CombinedOutput()
	if err != nil || !bytes.HasSuffix(output, []byte("\nPASS\n")) {
		t.Fatalf("driving %s at %s: %v\n%s", name, address, err, output)
	}
	return strings.ReplaceAll(string(output), address, "HOST")
}

// startTap starts the recording proxy in front of the application and returns its address and its log.
func startTap(t *testing.T, app string) (address, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "tap.jsonl")
	command := exec.Command("python3", "tap.py", "serve", "0", port(t, app), log)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed: nothing to learn
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !found {
		t.Fatalf("starting the tap: it said %q, %v", line, err)
	}
	return address, log
}

// runningGateway is a gateway, the rig's name, where visitors reach it and where its admin API is.
type runningGateway struct {
	*gateway.Process

	name, address, admin string
}

// startGateway starts the gateway with the application's Caddyfile.
func startGateway(t *testing.T, name, app string) runningGateway {
	t.Helper()
	return startGatewayWith(t, name, filepath.Join(name, "Caddyfile"), app)
}

func startGatewayWith(t *testing.T, name, caddyfile, app string) runningGateway {
	t.Helper()
	return startGatewayAt(t, name, gateway.Config{Caddyfile: caddyfile, Listen: gatewaytest.FreeAddress(t), App: app})
}

// startGatewayAt starts the gateway where the configuration says. The program, its directory and its admin API are chosen here.
func startGatewayAt(t *testing.T, name string, config gateway.Config) runningGateway {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config.Binary, config.Dir, config.Admin = program, t.TempDir(), gatewaytest.FreeAddress(t)
	process, err := gateway.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the gateway's log ends with\n%s", process.LogTail(60))
		}
	})
	if err := process.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return runningGateway{Process: process, name: name, address: config.Listen, admin: config.Admin}
}

// checkIdentities has the tap compare the identity header of each request with what the visit expects.
func checkIdentities(t *testing.T, log string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "python3", "tap.py", "check", log).CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte(", 0 wrong\n")) {
		t.Errorf("checking identities: %v\n%s", err, output)
	}
	t.Logf("%s", output)
}

// row is one request as the tap logs it.
type row struct {
	Step     *string           `json:"step"`   // nil: a request of the gateway's own
	Expect   string            `json:"expect"` // the user id; "-": nobody, "?": either
	Identity map[string]string `json:"identity"`
	Cookie   string            `json:"cookie"`
}

// header returns one of the headers whose names begin with OurApp-; the tap logs their names as they came.
func (r row) header(name string) string {
	for key, value := range r.Identity {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func readRows(t *testing.T, log string) []row {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range bytes.Lines(text) {
		var read row
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatalf("reading the tap's log: %v in %s", err, line)
		}
		rows = append(rows, read)
	}
	return rows
}

// checkTraffic checks that tokens were used, that they spare the application questions and that it never sees one.
func checkTraffic(t *testing.T, rows []row) {
	t.Helper()
	identified, byToken, asked := 0, 0, 0
	for _, row := range rows {
		if strings.Contains(row.Cookie, "jwt_") {
			t.Errorf("the application received the cookies %q", row.Cookie)
		}
		switch {
		case row.Step == nil:
			asked++
		case row.header("OurApp-User-ID") != "":
			identified++
			if row.header("OurApp-Via") == "token" {
				byToken++
			}
		}
	}
	t.Logf("%d requests with a user, %d of them by token; %d questions of the gateway", identified, byToken, asked)
	if byToken == 0 || asked == 0 || asked >= identified {
		t.Error("want requests by token, and fewer questions than requests with a user")
	}
}

// checkLog checks that the gateway logged no error, no race, and nothing that the application's cookies hold.
func checkLog(t *testing.T, path, tapLog string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bad := regexp.MustCompile(`(?m)^.*("level":"error"|DATA RACE|panic).*$`).FindAll(text, 5); bad != nil {
		t.Errorf("the gateway logged\n%s", bytes.Join(bad, []byte("\n")))
	}
	for _, row := range readRows(t, tapLog) {
		for pair := range strings.SplitSeq(row.Cookie, ";") {
			if _, value, _ := strings.Cut(pair, "="); len(value) >= 16 && bytes.Contains(text, []byte(value)) {
				t.Fatal("the gateway's log holds the value of a cookie")
			}
		}
	}
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
