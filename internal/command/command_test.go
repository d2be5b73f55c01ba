package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/version"
)

// An operator's day, by commands alone.
func TestOperatingAGateway(t *testing.T) {
	s := newSite(t, "")
	alice := &visitor{site: s, session: "SECRET-alices-cookie"}
	s.caddy(alice.session, "sessions", "add", "--realm", "shop", "--user", "alice", "--session", "-", "--expires-in", "1h",
		"--attribute", "role=keeper", "--attribute", "group=a", "--attribute", "group=b").done(t, "Added session ", "ends in 1 hour at the latest, and in 30 minutes if it is not used")
	got := s.caddy("", "sessions", "add", "--realm", "shop", "--user", "carol", "--session", "carols-session-cookie", "--expires-in", "10m").done(t, "which ends in 10 minutes.")
	if strings.Contains(got.out, "not used") {
		t.Errorf("the idle timeout is later, and so says nothing: %s", got.out)
	}
	for _, days := range []string{"0.5d", "12h", "0.25d6h"} { // as in a Caddyfile
		s.caddy("", "sessions", "add", "--realm", "shop", "--user", "carol", "--session", "carols-session-cookie", "--expires-in", days).done(t, "ends in 12 hours")
	}
	s.caddy("", "sessions", "end", "--realm", "shop", "--session", "carols-session-cookie").done(t)
	alice.want(200, "alice by session")
	alice.want(200, "alice by token")

	listed := s.caddy("", "sessions", "list", "--realm", "shop", "--user", "alice").done(t, "alice", "added", `group=["a","b"]`, `role="keeper"`)
	if strings.Contains(listed.out, "SECRET") {
		t.Errorf("the list shows the session id:\n%s", listed.out)
	}
	var page struct {
		Sessions []struct {
			Hash string `json:"hash"`
		} `json:"sessions"`
	}
	s.caddy("", "sessions", "list", "--realm", "shop", "--json").done(t).into(t, &page)
	if len(page.Sessions) != 1 {
		t.Fatalf("%d sessions are listed", len(page.Sessions))
	}

	s.caddy("", "sessions", "end", "--realm", "shop", "--session-hash", page.Sessions[0].Hash).done(t, "has ended")
	alice.want(401, "")
	s.caddy("", "sessions", "end", "--realm", "shop", "--session", alice.session).ended(t, 1, "there is no such active session")
	s.caddy("", "sessions", "list", "--realm", "shop").done(t, "No active sessions.")

	bob := &visitor{site: s, session: "bobs-session-cookie"}
	s.signIn(bob.session, "bob")
	bob.want(200, "bob by session")
	bob.want(200, "bob by token")
	s.caddy(bob.token, "revoke", "--token", "-").done(t, "Every token of its session")
	bob.want(200, "bob by session")
	s.caddy("", "revoke", "--realm", "shop", "--user", "bob").done(t, "All sessions and tokens of the user are revoked.")
	bob.want(401, "")
	s.caddy("", "revoke", "--user", "bob", "--realm", "shop", "--lift").done(t, "The revocation has ended.")
	s.caddy("", "revoke", "--user", "bob", "--realm", "shop", "--lift").ended(t, 1, "there is no such revocation")
	bob.want(200, "bob by session")
	s.caddy("", "revoke", "--realm", "shop", "--session", bob.session).done(t, "The session and its tokens are revoked.")
	bob.want(401, "")
	s.caddy("", "revoke", "--realm", "shop", "--session", bob.session, "--lift").done(t)
	bob.want(200, "bob by session")
	s.caddy("", "revoke", "--all").done(t, "dropped")
	bob.want(200, "bob by session")

	var status struct {
		Counts   map[string]int      `json:"counts"`
		Requests struct{ Total int } `json:"requests"`
	}
	s.caddy("", "status", "--json").done(t).into(t, &status)
	if status.Counts["sessions"] < 1 || status.Requests.Total < 10 {
		t.Errorf("the status says %+v", status)
	}
	s.caddy("", "status").done(t, "badger "+s.store(), "Requests", "token ", "Look-ups", "Realm        shop mixed")
	for _, text := range []string{s.process.LogTail(10000)} {
		if strings.Contains(text, alice.session) || strings.Contains(text, bob.token) {
			t.Error("the gateway's log holds a session id or a token")
		}
	}
}

func TestRevokingATokenByItsID(t *testing.T) {
	s := newSite(t, "")
	bob := &visitor{site: s, session: "bobs-session-cookie"}
	s.signIn(bob.session, "bob")
	bob.want(200, "bob by session")
	var found struct {
		Claims []struct{ Name, Value string }
	}
	s.caddy(bob.token, "inspect", "-", "--json")
	caddy(t, bob.token, "inspect", "-", "--json").done(t).into(t, &found)
	claims := make(map[string]string)
	for _, claim := range found.Claims {
		claims[claim.Name] = claim.Value
	}
	caddy(t, bob.token[:len(bob.token)-4], "inspect", "-").ended(t, 1, "The gateway refuses it", "the signature has 29 bytes, and those of HS256 have 32", "(token_bad_signature)")
	first := bob.token
	s.caddy("", "revoke", "--jti", claims["jti"], "--exp", claims["exp"]).done(t, "The token is revoked.")
	bob.want(200, "bob by session")
	bob.token = first
	s.caddy("", "revoke", "--jti", claims["jti"], "--exp", claims["exp"], "--lift").done(t, "has ended")
	s.caddy("", "revoke", "--jti", claims["jti"], "--lift").ended(t, 1, "there is no such revocation")
	bob.want(200, "bob by token")
}

func TestImporting(t *testing.T) {
	s := newSite(t, "")
	file := filepath.Join(t.TempDir(), "sessions.ndjson")
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, `{"realm": "shop", "id": "session-number-%04d", "user": "user-%d"}`+"\n", i, i/10)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.caddy("", "sessions", "import", file).done(t, "Imported 3,000 sessions; 0 lines failed.")
	(&visitor{site: s, session: "session-number-2999"}).want(200, "user-299 by session")
	var page struct {
		Sessions []json.RawMessage `json:"sessions"`
	}
	s.caddy("", "sessions", "list", "--realm", "shop", "--limit", "0", "--json").done(t).into(t, &page)
	if len(page.Sessions) != 3000 {
		t.Errorf("%d sessions are listed", len(page.Sessions))
	}
	s.caddy("", "sessions", "list", "--realm", "shop", "--limit", "5").done(t, "There are more: --after ")

	mixed := `{"realm": "shop", "id": "SECRET-1-0123456789abcdef", "user": "alice"}` + "\n" + `{"realm": "shop", "id": "SECRET-2"` + "\n"
	got := s.caddy(mixed, "sessions", "import", "-").ended(t, 4, "line 2: the body is not one JSON object", "Imported 1 session; 1 line failed.")
	if strings.Contains(got.out+got.errors, "SECRET") {
		t.Errorf("the output repeats what it read:\n%s%s", got.out, got.errors)
	}
	s.caddy("", "sessions", "import", filepath.Join(t.TempDir(), "absent")).ended(t, 1, "no such file")
}

func TestWhereTheServerIs(t *testing.T) {
	nobody := freeAddress(t)
	caddy(t, "", "status", "--address", nobody).ended(t, 3, "no Caddy answers at "+nobody, "--address", "--config")
	caddy(t, "", "status", "--address", "unix//tmp/there/is/no/such.sock").ended(t, 3, "no Caddy answers at ")
	off := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(off, []byte("{\n\tadmin off\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	caddy(t, "", "sessions", "list", "--realm", "shop", "--config", off).ended(t, 3, "says `admin off`")
	caddy(t, "", "status", "--config", filepath.Join(t.TempDir(), "absent")).ended(t, 1, "no such file")

	s := newSite(t, "")
	t.Setenv("ADMIN_ADDRESS", s.config.Admin)
	t.Setenv("GATEWAY_PORT", "1")
	t.Setenv("GATEWAY_HOST", "127.0.0.1")
	t.Setenv("APP_ADDRESS", "127.0.0.1:1")
	caddy(t, "", "status", "--config", s.config.Caddyfile, "--adapter", "caddyfile").done(t, "Realm        shop")
	caddy(t, "", "status", "--config", s.config.Caddyfile).done(t, "Realm        shop")

	var lines, config strings.Builder
	for i := range 1001 { // more than a page
		fmt.Fprintf(&lines, `{"realm": "shop", "id": "session-number-%04d", "user": "alice"}`+"\n", i)
	}
	s.caddy(lines.String(), "sessions", "import", "-").done(t, "Imported 1,001 sessions")
	fmt.Fprintf(&config, `{"admin": {"listen": %q}}`, s.config.Admin)
	caddy(t, config.String(), "sessions", "list", "--realm", "shop", "--limit", "0", "--config", "-").done(t, "alice")

	t.Chdir(filepath.Dir(s.config.Caddyfile)) // as for `caddy reload`
	here(t, "status").done(t, "Realm        shop")
}

// A Caddy that knows nothing of us is not taken for one that has no sessions.
func TestAServerThatIsNoGateway(t *testing.T) {
	other := newApplication(t)
	address := strings.TrimPrefix(other.URL, "http://")
	caddy(t, "", "status", "--address", address).ended(t, 3, "no jwt_session gateway")
	older := httptest.NewServer(http.NewServeMux())
	defer older.Close()
	caddy(t, "", "status", "--address", strings.TrimPrefix(older.URL, "http://")).ended(t, 3, "has no jwt_session admin API")
}

// A site that answers everything well has revoked nothing by that.
func TestASiteInTheGatewaysPlace(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"user": "alice"}`)
	}))
	defer site.Close()
	for _, arguments := range []string{
		"revoke --all", "revoke --user alice", "sessions list --realm shop", "sessions end --realm shop --session x",
		"sessions add --realm shop --user alice --session x", "sessions import -", "keys list", "keys rotate", "status",
	} {
		arguments := append(strings.Fields(arguments), "--address", strings.TrimPrefix(site.URL, "http://"))
		if got := caddy(t, "", arguments...).ended(t, 3, "no jwt_session gateway", "--address"); got.out != "" {
			t.Errorf("%s says %q", arguments, got.out)
		}
	}
}

// What a script gives whose variable is not set must not hit more than was meant: of a session its realm, of a user in a
// realm the user everywhere.
func TestEmptyFlags(t *testing.T) {
	nobody := freeAddress(t)
	for _, test := range [][]string{
		{"session", "revoke", "--realm", "shop", "--session", ""},
		{"session-hash", "revoke", "--realm", "shop", "--session-hash", ""},
		{"user", "revoke", "--realm", "shop", "--user", ""},
		{"realm", "revoke", "--realm", "", "--user", "alice"},
		{"realm", "revoke", "--realm", ""},
		{"token", "revoke", "--token", ""},
		{"jti", "revoke", "--jti", "", "--lift"},
		{"user", "sessions", "list", "--realm", "shop", "--user", ""},
		{"session", "sessions", "end", "--realm", "shop", "--session", ""},
	} {
		here(t, append(test[1:], "--address", nobody)...).ended(t, 1, "--"+test[0]+": it is empty")
	}
	here(t, "store", "restore", "--dir", "", "backup").ended(t, 1, "--dir: it is empty")
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	nobody := freeAddress(t)
	for _, test := range []struct{ arguments, words string }{
		{"sessions list", `required flag(s) "realm" not set`},
		{"sessions list --realm shop --limit -1", "--limit: want"},
		{"sessions add --realm shop --user alice", "want --session"},
		{"sessions add --realm shop --user alice --session x --cookie a=b", "want either --session or --cookie"},
		{"sessions add --realm shop --user alice --cookie SECRET", "--cookie, number 1: want <name>=<value>"},
		{"sessions add --realm shop --user alice --cookie a=SECRET --cookie a=SECRET", "--cookie, number 2: want"},
		{"sessions add --realm shop --user alice --session x --expires-in 1ms", "--expires-in: want whole seconds"},
		{"sessions add --realm shop --user alice --session x --expires-in 7days", "want a duration such as 90s, 8h or 7d"},
		{"sessions add --realm shop --user alice --session x --expires-in 7", "want a duration such as 90s, 8h or 7d"},
		{"sessions add --realm shop --user alice --session x --expires-in -7d", "--expires-in: want whole seconds"},
		{"sessions add --realm shop --user alice --session x --attribute a", "--attribute \"a\": want"},
		{"sessions add --realm shop --user alice --session -", "standard input is empty"},
		{"sessions end --realm shop", "want exactly one of --session, --cookie and --session-hash"},
		{"sessions end --realm shop --session x --session-hash y", "want exactly one of"},
		{"sessions import", "accepts 1 arg(s)"},
		{"revoke", "want exactly one of"},
		{"revoke --lift --realm shop", "want exactly one of"},
		{"revoke --all --user x", "want exactly one of"},
		{"revoke --all --realm shop", "want exactly one of"},
		{"revoke --session x", "want exactly one of"},
		{"revoke --jti x", "want exactly one of"},
		{"revoke --exp 5", "want exactly one of"},
		{"revoke --jti x --exp 5", "that time is over"},
		{"revoke --token x --lift", "want exactly one of"},
		{"revoke --token -", "standard input is empty"},
		{"store backup /", "exists already"},
		{"store backup - --json", "--json: standard output is for the backup"},
		{"nonsense", "unknown command"},
		{"sessions nonsense", "unknown command"},
	} {
		arguments := strings.Fields(test.arguments)
		if arguments[0] != "nonsense" && len(arguments) > 1 && arguments[1] != "nonsense" || arguments[0] == "revoke" {
			arguments = append(arguments, "--address", nobody)
		}
		if got := here(t, arguments...).ended(t, 1, test.words); strings.Contains(got.out+got.errors, "SECRET") {
			t.Errorf("%s: the output repeats what is secret: %s", test.arguments, got.errors)
		}
	}
}

// Every command explains itself, with examples and exit codes, and takes the same flags.
func TestHelp(t *testing.T) {
	here(t, "--help").done(t, "sessions", "revoke", "keys", "status", "store", "inspect", "bench", "version", "Exit codes:")
	for _, command := range []struct {
		name  string
		flags string
	}{
		{"sessions list", "--address --config --adapter --json"},
		{"sessions add", "--address --config --adapter --json"},
		{"sessions import", "--address --config --adapter --json"},
		{"sessions end", "--address --config --adapter --json"},
		{"revoke", "--address --config --adapter --json"},
		{"keys list", "--address --config --adapter --json"},
		{"keys rotate", "--address --config --adapter --json --emergency"},
		{"status", "--address --config --adapter --json"},
		{"store backup", "--address --config --adapter --json"},
		{"store restore", "--dir --config --adapter --json"},
		{"store check", "--dir --config --adapter --json"},
		{"inspect", "--json"},
		{"bench", "--json"},
		{"version", "--json"},
	} {
		help := here(t, append(strings.Fields(command.name), "--help")...).done(t, "Examples:\n", "Exit codes: 0")
		for flag := range strings.SplitSeq(command.flags, " ") {
			if !strings.Contains(help.out, flag) {
				t.Errorf("%s: the help lacks %s", command.name, flag)
			}
		}
	}
}

// The version is that of the sources, and the program says what else it is made of. It asks no gateway.
func TestVersion(t *testing.T) {
	here(t, "version").done(t, "caddy-jwt-session "+version.Number+"\n", "Caddy  ", "Go                "+runtime.Version())
	var found struct{ Version, Caddy, Go string }
	here(t, "version", "--json").done(t).into(t, &found)
	if found.Version != version.Number || found.Caddy == "" || found.Go != runtime.Version() {
		t.Errorf("got %+v", found)
	}
	here(t, "version", "9").ended(t, 1, "unknown command")
}

func TestCompletion(t *testing.T) {
	for words, want := range map[string]string{
		"sessions ": "import\t", "": "revoke\t", "revoke --se": "--session-hash\t",
	} {
		// What the completion script of a shell runs, with the words typed so far.
		got := program(t, "", append([]string{"__complete", "jwt-session"}, strings.Split(words, " ")...)...)
		if !strings.Contains(got.out, want) {
			t.Errorf("%q completes to\n%s, want %s in it", words, got.out, want)
		}
	}
}

// The name of a realm completes to those of the running gateway, wherever there is such a flag.
func TestCompletingRealms(t *testing.T) {
	s := newSite(t, "")
	complete := func(address, words string) string {
		t.Helper()
		arguments := append([]string{"__complete", "jwt-session"}, strings.Fields(words)...)
		return program(t, "", append(arguments[:len(arguments)-1], "--address", address, "--realm", strings.Trim(arguments[len(arguments)-1], "_"))...).out
	}
	for _, command := range []string{"sessions list", "sessions add", "sessions end", "revoke"} {
		for word, want := range map[string]string{"_": "shop\n:4\n", "sh": "shop\n:4\n", "x": ":4\n"} {
			if got := complete(s.config.Admin, command+" "+word); got != want {
				t.Errorf("%s --realm %s completes to %q, want %q", command, word, got, want)
			}
		}
	}
	if got := complete(freeAddress(t), "revoke _"); got != ":4\n" {
		t.Errorf("without a gateway it completes to %q", got)
	}
	if got := complete(evilServer(t), "revoke _"); got != ":4\n" {
		t.Errorf("names that a terminal would obey complete: %q", got)
	}
}

// The benchmark measures this build, of every algorithm, and leaves nothing behind.
func TestBench(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var found struct {
		Verdict string
		LookUp  struct {
			Nanoseconds float64 `json:"ns"`
			CookieBytes int     `json:"cookie_bytes"`
		} `json:"look_up"`
		Tokens []struct {
			Algorithm string
			Bytes     int
			First     float64 `json:"first_ns"`
			Seen      float64 `json:"seen_ns"`
			Mint      float64 `json:"mint_ns"`
			Remote    int     `json:"wins_from_requests_remote"`
		}
	}
	caddy(t, "", "bench", "--json").done(t).into(t, &found)
	if found.LookUp.Nanoseconds <= 0 || found.LookUp.CookieBytes != len("session=")+32 || len(found.Tokens) != 4 {
		t.Fatalf("got %+v", found)
	}
	for i, algorithm := range []string{"HS256", "ES256", "EdDSA", "RS256"} {
		token := found.Tokens[i]
		if token.Algorithm != algorithm || token.Bytes < 300 || token.First <= 0 || token.Seen <= 0 || token.Mint <= 0 || token.Remote < 1 {
			t.Errorf("%s: %+v", algorithm, token)
		}
	}
	if !isVerdict(found.Verdict) {
		t.Errorf("the verdict is %q", found.Verdict)
	}
	if first, _, _ := strings.Cut(caddy(t, "", "bench").done(t, "BYTES A REQUEST").out, "\n"); !isVerdict(first) {
		t.Errorf("the first line is %q: want the verdict", first)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("it left %v: %v", left, err)
	}
}

// isVerdict reports whether a text is one sentence about tokens.
func isVerdict(text string) bool {
	return strings.HasPrefix(text, "On this machine a token (HS256) ") && strings.HasSuffix(text, " on.") && strings.Count(text, ". ") == 0
}

// A normal rotation is noticed by nobody; with an emergency every token is dead, and who has an active session gets
// another one with the next request.
func TestRotatingKeys(t *testing.T) {
	s := newSite(t, "jwt_session {\n\t\tkey_delay 1m\n\t}")
	bob := &visitor{site: s, session: "bobs-session-cookie"}
	s.signIn(bob.session, "bob")
	bob.want(200, "bob by session")
	s.caddy("", "keys", "list").done(t, "KID", "HS256", "signing", "ago")
	s.caddy("", "keys", "rotate").done(t, "Key ", " signs in ")
	bob.want(200, "bob by token")
	var list struct {
		Keys []struct{ KID, State string }
	}
	s.caddy("", "keys", "list", "--json").done(t).into(t, &list)
	if len(list.Keys) != 2 {
		t.Errorf("%d keys are listed", len(list.Keys))
	}
	before := bob.token
	s.caddy("", "keys", "rotate", "--emergency").done(t, "every token is dead")
	bob.want(200, "bob by session")
	if bob.token == before {
		t.Error("there is no new token")
	}
	bob.want(200, "bob by token")
	s.caddy("", "keys", "list", "--json").done(t).into(t, &list)
	if len(list.Keys) != 1 {
		t.Errorf("after an emergency %d keys are listed", len(list.Keys))
	}
	s.caddy("", "status").done(t, "Keys         ", "signing")
}

func TestRotatingConfiguredKeys(t *testing.T) {
	s := newSite(t, "jwt_session {\n\t\tkey secret MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n\t}")
	s.caddy("", "keys", "rotate").ended(t, 1, "the keys are those that the configuration gives")
	s.caddy("", "keys", "list").done(t, "by configuration")
}

// The status lists the gateways that share a store, and says if the one that answers is cut off.
func TestStatusOfGateways(t *testing.T) {
	hour := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	soon := time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339)
	gateways := `, "gateways": [{"host": "one", "self": true, "lag": 0.25, "seen": "` + hour + `"}, {"host": "two\u001b[2J", "seen": "` + hour + `"}]}`
	for link, want := range map[string][]string{
		`{"connected": true, "answers": true, "synced": "` + hour + `"}`:                                    {"Gateways     one, lag 250ms, seen 1 hour ago", ", this one"},
		`{"connected": false, "answers": true, "synced": "` + hour + `", "answers_until": "` + soon + `"}`:  {"Cut off", "newer than 1 hour ago", "stops deciding requests in"},
		`{"connected": false, "answers": false, "synced": "` + hour + `", "answers_until": "` + hour + `"}`: {"Cut off", "decides no request any more"},
		`{"connected": false, "answers": false}`:                                                            {"Cut off", "has never reached the store"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"store": {"engine": "redis", "location": "redis://x", "answers": true}, "link": `+link+gateways)
		}))
		result := caddy(t, "", "status", "--address", strings.TrimPrefix(server.URL, "http://")).done(t, append(want, "lag unknown")...)
		if strings.Contains(result.out, "\x1b") || strings.Contains(link, `"connected": true`) && strings.Contains(result.out, "Cut off") {
			t.Errorf("%s: %s", link, result.out)
		}
		server.Close()
	}
}
