package command_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
)

// docsLines returns the lines to be typed that stand in a section of a page, block by block.
func docsLines(t *testing.T, page, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended {
		t.Fatalf("%s lacks the section %q", page, heading)
	}
	var blocks [][]string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, strings.Split(block[1], "\n"))
	}
	return blocks
}

// typed runs a line in a directory, on the machine of the gateway.
func (s *site) typed(dir, line string) output {
	s.Helper()
	words := strings.Fields(line)
	child := exec.CommandContext(s.Context(), s.config.Binary, words[1:]...)
	host, port, err := net.SplitHostPort(s.config.Listen)
	if err != nil {
		s.Fatal(err)
	}
	child.Dir = dir
	child.Env = append(os.Environ(), childVariable+"=1", "XDG_DATA_HOME="+filepath.Join(s.config.Dir, "data"),
		"GATEWAY_HOST="+host, "GATEWAY_PORT="+port, "ADMIN_ADDRESS="+s.config.Admin, "APP_ADDRESS="+s.config.App)
	var out, complaints bytes.Buffer
	child.Stdout, child.Stderr = &out, &complaints
	_ = child.Run() // the exit code tells
	return output{code: child.ProcessState.ExitCode(), out: out.String(), errors: complaints.String()}
}

// The lines of the docs, from disk to a server and back: whoever was signed in is, by token and by session, and nobody else. The
// application knows none of these sessions, so that nothing is asked for anew.
func TestTheMovesOfTheDocs(t *testing.T) {
	blocks := docsLines(t, filepath.Join("how-to", "backup.md"), "## Move to another store")
	if len(blocks) != 2 || len(blocks[0]) != 3 || len(blocks[1]) != 3 {
		t.Fatalf("the docs have the lines %q", blocks)
	}
	server := redistest.Engines(t)[0].Start(t, redistest.Settings{})
	s := filled(t)
	dir := t.TempDir()
	for name, store := range map[string]string{
		"Caddyfile": "", "Caddyfile.redis": "store redis " + server.URL(), "Caddyfile.badger": "store badger " + filepath.Join(dir, "back"),
	} {
		options := "jwt_session {\n" + store + "\n}"
		writeFile(t, filepath.Join(dir, name), []byte(strings.Replace(caddyfile, "OPTIONS", options, 1)))
	}
	s.caddy("session-number-0008", "sessions", "end", "--realm", "shop", "--session", "-").done(t)
	s.caddy("session-number-0009", "revoke", "--realm", "shop", "--session", "-").done(t)
	signedIn := &visitor{site: s, session: "session-number-0001"}
	signedIn.want(200, "SECRET-user-1 by session")
	signedIn.want(200, "SECRET-user-1 by token")
	for i, lines := range blocks {
		for _, line := range lines {
			s.typed(dir, line).done(t)
		}
		signedIn.want(200, "SECRET-user-1 by token")
		(&visitor{site: s, session: fmt.Sprint("session-number-100", i)}).want(200, fmt.Sprint("SECRET-user-100", i, " by session"))
		for _, session := range []string{"session-number-0007", "session-number-0008", "session-number-0009"} {
			(&visitor{site: s, session: session}).want(401, "")
		}
		var page struct {
			Sessions []struct{ Hash string }
			Next     string
		}
		s.caddy("", "sessions", "list", "--realm", "shop", "--json").done(t).into(t, &page)
		if len(page.Sessions) == 0 {
			t.Error("no sessions are listed")
		}
	}
	config := filepath.Join(dir, "Caddyfile.redis")
	s.typed(dir, "caddy jwt-session store restore --config "+config+" sessions.backup").ended(t, 1, "there is a session store under this prefix")
	s.typed(dir, "caddy jwt-session store check --config "+config).done(t, "is sound: 1,99", server.Address())
}

// A server is named by a flag, too. What is wrong with the flags or the server is said in words, and a server that does not answer
// has an exit code of its own.
func TestRestoringToAServer(t *testing.T) {
	server := redistest.Engines(t)[0].Start(t, redistest.Settings{Password: "SECRET-password"})
	s := filled(t)
	file := filepath.Join(t.TempDir(), "backup")
	s.caddy("", "store", "backup", file).done(t)
	address := strings.Replace(server.URL(), "redis://", "redis://:SECRET-password@", 1)
	restored := caddy(t, "", "store", "restore", "--to", address, "--prefix", "shop", file).done(t, "Restored 2,000 sessions and ", server.Address())
	t.Setenv("REDIS_URL", address)
	again := caddy(t, "", "store", "restore", "--to", "{env.REDIS_URL}", "--prefix", "shop", file).ended(t, 1, "name another prefix")
	damaged := caddy(t, "hello", "store", "restore", "--to", address, "--prefix", "other", "-").ended(t, 1, "not a whole backup")
	refused := caddy(t, "", "store", "restore", "--to", server.URL(), file).ended(t, 3, "password")
	server.Stop()
	gone := caddy(t, "", "store", "restore", "--to", address, file).ended(t, 3, "refused")
	for _, got := range []output{restored, again, damaged, refused, gone} {
		if strings.Contains(got.out+got.errors, "SECRET") {
			t.Errorf("the output has a secret in it:\n%s%s", got.out, got.errors)
		}
	}
	for _, test := range []struct {
		words     string
		arguments []string
	}{
		{"name one of them", []string{"--to", address, "--dir", "/nowhere"}},
		{"name both", []string{"--prefix", "shop"}},
		{"--to", []string{"--to", ""}},
		{"--prefix", []string{"--to", address, "--prefix", ""}},
		{"url", []string{"--to", "http://localhost"}},
		{"prefix", []string{"--to", address, "--prefix", "a b"}},
	} {
		caddy(t, "", append([]string{"store", "restore", file}, test.arguments...)...).ended(t, 1, test.words)
	}
}
