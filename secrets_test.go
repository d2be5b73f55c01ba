package jwtsession_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/keyring"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// scan collects all that is written for somebody to read, and the secrets that must not be in it.
type scan struct {
	*harness.Gateway

	written map[string]*bytes.Buffer
	secrets map[string]string
}

func (s *scan) secret(name, value string) string {
	if len(value) < 8 {
		s.Fatalf("the secret %s is too short to be looked for", name)
	}
	s.secrets[name] = value
	return value
}

func (s *scan) write(where, text string) {
	if s.written[where] == nil {
		s.written[where] = new(bytes.Buffer)
	}
	s.written[where].WriteString(text + "\n")
}

// visit sends a request, and takes down what anybody but the visitor himself could read of the answer: all but the
// cookies that it sets. The tokens that it sets are secrets from then on.
func (s *scan) visit(b *harness.Browser, method, path string, lines ...string) harness.Reply {
	s.Helper()
	response := b.Do(method, path, lines...)
	s.write("responses", response.Text)
	for name, values := range response.Header {
		if name != "Set-Cookie" {
			s.write("response headers", name+": "+strings.Join(values, ", "))
		}
	}
	for _, cookie := range response.Cookies() {
		if strings.HasSuffix(cookie.Name, harness.TokenName) && cookie.Value != "" {
			s.token(fmt.Sprintf("token %d", len(s.secrets)), cookie.Value)
		}
	}
	return response
}

// token makes a secret of the token as a whole, of its signature and of the session id that is sealed in it.
func (s *scan) token(name, token string) {
	s.secret(name, token)
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	s.secret(name+", its signature", parts[2])
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ SID string }
	if err == nil && json.Unmarshal(payload, &claims) == nil && claims.SID != "" {
		s.secret(name+", its sealed session id", claims.SID)
	}
}

func (s *scan) admin(route, contentType, body string) {
	s.Helper()
	s.write("admin answers", harness.AdminDo(s, http.MethodPost, route, contentType, body).Text)
}

// found returns where a secret stands, in whatever spelling.
func (s *scan) found(secret string) string {
	for _, spelling := range []string{
		secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		for where, text := range s.written {
			if at := bytes.Index(text.Bytes(), []byte(spelling)); at >= 0 {
				return fmt.Sprintf("%s: …%s", where, text.Bytes()[max(0, at-200):min(text.Len(), at+len(spelling)+50)])
			}
		}
	}
	return ""
}

// All that the gateway writes — log lines of every level, metrics, what the admin API answers, refusals, the status
// page — is searched for all that was secret in what it was given, over the ways that requests and operators take.
func TestNothingSecretIsWritten(t *testing.T) {
	// The test's own application says in X-Legacy what it received, which an access log would hold.
	g := harness.NewWith(t, harness.Options{Site: `log
	header -X-Legacy
	jwt_session_status /gateway-status
	jwt_session shop {
		whoami /whoami json user {
			attribute role json role
		}
		restore_session on
		csrf
		forget_on /forget
		unauthenticated /gateway-status pass
		unauthenticated /public* pass
		unauthenticated /account* redirect /login?next={uri}
	}
	reverse_proxy LEGACY`})
	s := &scan{Gateway: g, written: make(map[string]*bytes.Buffer), secrets: make(map[string]string)}
	b := s.signIn("alice")
	s.takeRequestsOfAllKinds(b)
	s.operate(b)
	s.fail(b)
	s.collect()

	if len(s.secrets) < 30 || s.written["log"].Len() < 1000 || s.written["metrics"].Len() < 1000 {
		t.Fatalf("only %d secrets were used, the log has %d bytes and the metrics %d", len(s.secrets), s.written["log"].Len(), s.written["metrics"].Len())
	}
	for name, secret := range s.secrets {
		if where := s.found(secret); where != "" {
			t.Errorf("%s stands in %s", name, where)
		}
	}
	// The search itself finds what is there: an id of a request that the log names, spelled otherwise.
	s.write("log", hex.EncodeToString([]byte("a-canary-in-hex")))
	if s.found("a-canary-in-hex") == "" {
		t.Error("the search finds nothing at all")
	}
}

func (s *scan) signIn(user string) *harness.Browser {
	s.Helper()
	b := s.Browser()
	b.Cookies["session"] = s.secret("session id "+user, s.Legacy.SignIn(user))
	return b
}

func (s *scan) takeRequestsOfAllKinds(b *harness.Browser) {
	s.Helper()
	get := func(b *harness.Browser, path string, lines ...string) { s.visit(b, http.MethodGet, path, lines...) }
	get(b, "/page")
	get(b, "/page")
	s.Clock.Advance(31 * time.Second)
	get(b, "/page") // renewed
	token, session := b.Cookies[harness.TokenName], b.Cookies["session"]
	get(b, "/page", "Cookie: "+harness.TokenName+"="+token) // restored
	get(b, "/page", "Cookie: "+harness.TokenName+"="+token, "Sec-Fetch-Site: cross-site")
	other := s.secret("another session id", "another-session-of-mallory")
	get(b, "/page", "Cookie: session="+other+"; "+harness.TokenName+"="+token)
	get(b, "/page", "Cookie: session="+session+"; session="+other)
	get(b, "/page", "Cookie: session="+session+"; "+harness.TokenName+"="+token+"; "+harness.TokenName+"="+s.secret("forged token", "forged.to.ken-of-mallory"))
	for _, bad := range []string{"not.a.jwt-at-all", token[:len(token)-3] + "AAA", strings.Repeat("x", 9000), token + "."} {
		get(b, "/page", "Cookie: "+harness.TokenName+"="+s.secret(fmt.Sprintf("bad token %d", len(s.secrets)), bad))
		get(b, "/public", "Cookie: session="+session+"; "+harness.TokenName+"="+bad)
	}
	get(b, "/account", "Cookie: session="+s.secret("unknown session id", "unknown-session-of-nobody"))
	get(b, "/page", "Cookie: session="+s.secret("odd session id", "odd\"session,id\\of-nobody"))
	get(b, "/page", "Cookie: "+strings.Repeat("a=b; ", 200)+"session="+session)
	get(b, "/page", "Authorization: Bearer "+s.secret("bearer token", "bearer-token-of-the-application"))
	get(b, "/page", "Ourapp-User-Id: admin", "Connection: Ourapp-User-Id")
	s.visit(b, http.MethodPost, "/page", "Origin: https://evil.example")
	s.visit(b, http.MethodOptions, "/page", "Origin: https://app.example", "Access-Control-Request-Method: GET")
	second := s.signIn("bob")
	get(second, "/page")
	get(second, "/forget")
	get(second, "/page")
	get(second, "/logout")
	get(second, "/page")
	get(s.Browser(), "/gateway-status")
}

func (s *scan) operate(b *harness.Browser) {
	s.Helper()
	const asJSON, asLines = "application/json", "application/x-ndjson"
	added := s.secret("added session id", "added-by-the-operator")
	s.admin("sessions", asJSON, `{"realm": "shop", "id": "`+added+`", "user": "carol"}`)
	s.admin("sessions", asJSON, `{"realm": "shop", "id": "`+added+`", "user": "carol", "user": "carol"}`)
	s.admin("sessions", asLines, `{"realm": "shop", "id": "`+s.secret("imported session id", "imported-by-the-operator")+`", "user": "dave"}
		{"realm": "shop", "id": "`+s.secret("session id of a bad line", "badly-imported-session")+`", "user": "d ave"}
		`+s.secret("line that is no JSON", "no-json-but-a-session-id"))
	s.admin("sessions/list", asJSON, `{"realm": "shop"}`)
	s.admin("revocations", asJSON, `{"token": "`+b.Cookies[harness.TokenName]+`"}`)
	s.admin("revocations", asJSON, `{"token": "`+s.secret("token that is none", "a-token.that.is-none")+`"}`)
	s.admin("revocations", asJSON, `{"realm": "shop", "session": "`+added+`"}`)
	s.admin("sessions", asJSON, `{"realm": "shop", "id": "`+added+`", "user": "carol"}`)
	s.admin("revocations", asJSON, `{"realm": "shop", "user": "alice"}`)
	s.visit(b, http.MethodGet, "/page")
	s.visit(b, http.MethodGet, "/public")
	s.admin("revocations", asJSON, `{"realm": "shop", "user": "alice", "lift": true}`)
	s.admin("revocations/list", asJSON, `{}`)
	s.admin("sessions/end", asJSON, `{"realm": "shop", "session": "`+added+`"}`)
	s.admin("keys/rotate", asJSON, `{}`)
	s.admin("keys/rotate", asJSON, `{"emergency": true}`)
	s.admin("store/backup", asJSON, `{}`)
	s.visit(b, http.MethodGet, "/page")
}

// fail lets the application and the store fail, which is when errors quote things.
func (s *scan) fail(b *harness.Browser) {
	s.Helper()
	for _, answer := range []string{
		`{"user": "` + s.secret("user id that is none", "not a user id") + `"}`, `{"user": "a", "user": "` + s.secret("half an answer", "half-an-answer") + `"`,
	} {
		s.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write([]byte(answer))
			return true
		})
		s.visit(s.signIn(fmt.Sprintf("eve%d", len(s.secrets))), http.MethodGet, "/page")
	}
	s.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "/moved;jsessionid="+s.secrets["session id alice"])
		w.WriteHeader(http.StatusMovedPermanently)
		return true
	})
	s.visit(s.signIn("frank"), http.MethodGet, "/page")
	s.Legacy.Close()
	s.visit(s.signIn("grace"), http.MethodGet, "/page")
	s.visit(b, http.MethodGet, "/page")
	if err := s.App.CloseStore(); err != nil {
		s.Fatal(err)
	}
	s.visit(s.signIn("heidi"), http.MethodGet, "/page")
	s.visit(b, http.MethodGet, "/forget")
	s.admin("sessions", "application/json", `{"realm": "shop", "id": "`+s.secret("session id for a store that fails", "lost-session-id")+`", "user": "ivan"}`)
}

// collect takes down the log, the metrics, and all that the admin API answers to GET; the keys are secrets too.
func (s *scan) collect() {
	s.Helper()
	for route, methods := range admin.Routes {
		if methods[http.MethodGet] != nil {
			s.write("admin answers", harness.AdminDo(s, http.MethodGet, route, "", "").Text)
		}
	}
	for _, family := range gathered(s) {
		var text bytes.Buffer
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			s.Fatal(err)
		}
		s.write("metrics", text.String())
	}
	s.write("log", s.Logged())
	keys, err := os.ReadFile(filepath.Join(s.Dir, "storage", keyring.Path))
	if err != nil {
		s.Fatal(err)
	}
	var stored struct {
		Keys []struct {
			Private []byte `json:"private"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(keys, &stored); err != nil || len(stored.Keys) == 0 {
		s.Fatalf("no keys are stored: %v\n", err)
	}
	for i, key := range stored.Keys {
		s.secret(fmt.Sprintf("key %d", i), string(key.Private))
	}
}
