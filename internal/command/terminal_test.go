package command_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// evil is what must not reach a terminal as it is: the window's title, a cleared screen, a line of its own, the direction
// of writing, and what nobody sees.
const evil = "a\x1b]0;title\x07\x1b[2J\r\n\x00\x7f\u0080\u009b\u00ad\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060" +
	"\u2066\u2067\u2068\u2069\ufeff\ufe0f\u034f\u115f\u3164\uffa0\u2800\u00a0\u3000\ue000\U000e0041\U0001d173\U0010ffffb"

// evilServer answers as an admin endpoint would, with the text wherever a text can stand.
func evilServer(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	const at = `"2026-05-04T12:00:00Z"`
	bodies := map[string]string{
		"sessions/list": `{"sessions": [{"hash": EVIL, "user": EVIL, "source": EVIL, "auth_time": AT, "seen": AT, "confirmed": AT, "ends": AT,
			"expires": AT, "attributes": {EVIL: EVIL, "list": [EVIL]}}], "next": EVIL}`,
		"sessions":     `{"hash": EVIL, "ends": AT, "imported": 1, "failed": 2, "failures": [{"line": 3, "error": EVIL}]}`,
		"sessions/end": `{"ended": true, EVIL: EVIL}`,
		"revocations":  `{"revoked": true, EVIL: EVIL}`,
		"keys":         `{"keys": [{"kid": EVIL, "alg": EVIL, "state": EVIL, "created": AT, "signs_from": AT}]}`,
		"keys/rotate":  `{"kid": EVIL, "alg": EVIL, "state": EVIL, "signs_from": AT}`,
		"status": `{"store": {"engine": EVIL, "location": EVIL, "answers": false}, "counts": {EVIL: 1},
			"keys": [{"kid": EVIL, "alg": EVIL, "state": EVIL}], "since": AT, "requests": {"total": 1, "paths": {EVIL: 1}, "shares": {EVIL: 1},
			"reasons": {EVIL: 1}}, "tokens": {"issued": {EVIL: 1}}, "shadow_mismatches": {EVIL: 1},
			"realms": {EVIL: {"modes": [EVIL], "whoami": {"outcomes": {EVIL: 1}, "last_reason": EVIL, "last_time": AT}}}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := strings.TrimPrefix(r.URL.Path, "/jwt_session/")
		sent, _ := io.ReadAll(r.Body)
		body, known := bodies[route]
		switch {
		case strings.Contains(string(sent), "refuse"):
			w.WriteHeader(http.StatusBadRequest)
			body = `{"error": EVIL}`
		case strings.Contains(string(sent), "unavailable"):
			w.WriteHeader(http.StatusServiceUnavailable)
			body = `EVIL`
		case strings.Contains(string(sent), "raw"):
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, evil)
			return
		case !known:
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, evil)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(strings.ReplaceAll(body, "EVIL", string(text)), "AT", at))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// hostileRune returns a character that could do something to a terminal, or hide from who looks at it.
func hostileRune(text string) (rune, bool) {
	for _, char := range text {
		switch {
		case char == '\n' || char == ' ':
		case !unicode.IsPrint(char), unicode.In(char, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point), char == '\u2800', char == unicode.ReplacementChar:
			return char, true
		}
	}
	return 0, false
}

// Whoever can name a user, write a token or stand in for the server writes what the operator's terminal shows.
func TestTerminalGetsNothingHostile(t *testing.T) {
	address := evilServer(t)
	dir := t.TempDir()
	lines := filepath.Join(dir, "lines")
	if err := os.WriteFile(lines, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	part := encode(fmt.Appendf(nil, `{%s: %[1]s, "alg": %[1]s, "kid": %[1]s, "sub": %[1]s, "aud": [%[1]s], "roles": {%[1]s: %[1]s}}`, text))
	broken := encode([]byte(`{"a": "` + evil + `", "a": 1`))
	filename := strings.ReplaceAll(strings.ReplaceAll(evil, "\x00", ""), "/", "")
	for _, test := range []struct {
		name      string
		arguments []string
		server    bool
		// silent: the command has nothing to say of the text.
		silent bool
	}{
		{"sessions list", []string{"sessions", "list", "--realm", "shop"}, true, false},
		{"sessions list --json", []string{"sessions", "list", "--realm", "shop", "--limit", "1", "--json"}, true, false},
		{"sessions list, refused", []string{"sessions", "list", "--realm", "refuse"}, true, false},
		{"sessions list, not now", []string{"sessions", "list", "--realm", "unavailable"}, true, false},
		{"sessions list, refused without JSON", []string{"sessions", "list", "--realm", "raw"}, true, false},
		{"sessions add", []string{"sessions", "add", "--realm", "shop", "--user", "alice", "--session", "x"}, true, false},
		{"sessions add --json", []string{"sessions", "add", "--realm", "shop", "--user", "alice", "--session", "x", "--json"}, true, false},
		{"sessions add, bad attribute", []string{"sessions", "add", "--realm", "shop", "--user", "a", "--session", "x", "--attribute", evil}, true, false},
		{"sessions add, bad duration", []string{"sessions", "add", "--realm", "shop", "--user", "a", "--session", "x", "--expires-in", evil}, true, false},
		{"sessions import", []string{"sessions", "import", lines}, true, false},
		{"sessions import --json", []string{"sessions", "import", lines, "--json"}, true, false},
		{"sessions import, no such file", []string{"sessions", "import", filepath.Join(dir, filename)}, true, false},
		{"sessions end", []string{"sessions", "end", "--realm", "shop", "--session", "x"}, true, true},
		{"sessions end --json", []string{"sessions", "end", "--realm", "shop", "--session", "x", "--json"}, true, false},
		{"sessions end, refused", []string{"sessions", "end", "--realm", "refuse", "--session", "x"}, true, false},
		{"revoke", []string{"revoke", "--user", evil}, true, true},
		{"revoke --json", []string{"revoke", "--user", evil, "--json"}, true, false},
		{"revoke, refused", []string{"revoke", "--user", "refuse"}, true, false},
		{"revoke, bad number", []string{"revoke", "--jti", "x", "--exp", evil}, true, false},
		{"keys list", []string{"keys", "list"}, true, false},
		{"keys list --json", []string{"keys", "list", "--json"}, true, false},
		{"keys rotate", []string{"keys", "rotate"}, true, false},
		{"keys rotate --json", []string{"keys", "rotate", "--json"}, true, false},
		{"keys rotate --emergency", []string{"keys", "rotate", "--emergency"}, true, false},
		{"status", []string{"status"}, true, false},
		{"status --json", []string{"status", "--json"}, true, false},
		{"store backup", []string{"store", "backup", filepath.Join(dir, "backup")}, true, false},
		{"store backup to a name that is taken", []string{"store", "backup", dir}, true, true},
		{"store restore", []string{"store", "restore", "--dir", filepath.Join(dir, filename), filepath.Join(dir, filename)}, false, false},
		{"store check", []string{"store", "check", "--config", filepath.Join(dir, filename)}, false, false},
		{"an address", []string{"status", "--address", evil}, false, false},
		{"a configuration", []string{"status", "--config", filepath.Join(dir, filename)}, false, false},
		{"an adapter", []string{"status", "--config", lines, "--adapter", evil}, false, false},
		{"inspect", []string{"inspect", part + "." + part + ".AA"}, false, false},
		{"inspect --json", []string{"inspect", part + "." + part + ".AA", "--json"}, false, false},
		{"inspect what is encrypted", []string{"inspect", part + ".AA.AA.AA.AA"}, false, false},
		{"inspect what is broken", []string{"inspect", broken + "." + broken + ".AA"}, false, true},
		{"inspect no token", []string{"inspect", evil}, false, true},
		{"an unknown flag", []string{"inspect", "--" + evil}, false, false},
		{"an unknown short flag", []string{"inspect", "-\u202e"}, false, false},
		{"an unknown command", []string{evil}, false, false},
		{"an unknown command of a group", []string{"sessions", evil}, false, false},
		{"too many arguments", []string{"inspect", evil, evil}, false, true},
		{"an argument where there is none", []string{"status", evil}, false, false},
		{"a bad flag of bench", []string{"bench", "--json=" + evil}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			arguments := test.arguments
			if test.server {
				arguments = append(arguments, "--address", address)
			}
			got := here(t, arguments...)
			if char, found := hostileRune(got.out + got.errors); found {
				t.Errorf("%U reaches the terminal: %q", char, got.out+got.errors)
			}
			if strings.Contains(got.out+got.errors, "\nb") {
				t.Errorf("a text makes a line of its own: %q", got.out+got.errors)
			}
			if shown := strings.Contains(got.out+got.errors, "202e"); !shown && !test.silent {
				t.Errorf("what was there is not shown: %q", got.out+got.errors)
			}
			if strings.HasSuffix(test.name, "--json") {
				var read any
				if err := json.Unmarshal([]byte(got.out), &read); err != nil {
					t.Fatalf("%v: %q", err, got.out)
				}
				if !strings.Contains(fmt.Sprint(read), evil) {
					t.Errorf("the JSON does not say the same: %q", got.out)
				}
			}
		})
	}
}
