package jwtsession_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// The user id is in a token for all to read, and with token_encrypt for nobody but the gateway.
func TestEncryptedTokenAnswersAndTellsNothing(t *testing.T) {
	t.Parallel()
	for directive, parts := range map[string]int{"": 3, "token_encrypt": 5} {
		g := harness.New(t, directive)
		b := g.SignedIn()
		g.Expect(b.Get("/page"), "alice", "set", 1)
		g.Expect(b.Get("/page"), "alice", "", 1)
		token := strings.Split(b.Cookies[harness.TokenName], ".")
		if len(token) != parts {
			t.Fatalf("%q: the token has %d parts, want %d", directive, len(token), parts)
		}
		readable := false
		for _, part := range token {
			text, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			readable = readable || strings.Contains(string(text), "alice")
		}
		if readable != (directive == "") {
			t.Errorf("%q: the user id can be read: %v", directive, readable)
		}
	}
}

// One form of token is accepted at a time: with the other, the session answers and brings the right one.
func TestTokenFormsAreNeverBothAccepted(t *testing.T) {
	t.Parallel()
	for _, step := range [][2]string{{"", "token_encrypt"}, {"token_encrypt", ""}} {
		site := func(directive string) harness.Options {
			return harness.Options{
				Global: "key secret MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY",
				Site:   "jwt_session shop {\n whoami /whoami json user\n" + directive + "\n}\nreverse_proxy LEGACY",
			}
		}
		before, after := harness.NewWith(t, site(step[0])), harness.NewWith(t, site(step[1]))
		b := after.SignedIn()
		b.Cookies[harness.TokenName] = before.MintFor("alice", b.Cookies["session"])
		kept := b.Cookies[harness.TokenName]
		after.Expect(b.Get("/page"), "alice", "set", 1)
		after.Expect(b.Get("/page"), "alice", "", 1)
		b.Cookies[harness.TokenName] = kept
		delete(b.Cookies, "session")
		after.ExpectRefused(b.Get("/page"), "cleared")
	}
}

// That a token belongs to another realm comes before every other rule, also where that realm has the other form.
func TestTokenOfAnotherRealmInTheOtherForm(t *testing.T) {
	t.Parallel()
	for _, directives := range [][2]string{{"", "token_encrypt"}, {"token_encrypt", ""}} {
		g := harness.NewWith(t, harness.Options{Site: `
			jwt_session /blog* blog {
				whoami /whoami json user
				token_cookie ` + harness.TokenName + `
				` + directives[0] + `
			}
			jwt_session /shop* shop {
				whoami /whoami json user
				token_cookie ` + harness.TokenName + `
				` + directives[1] + `
			}
			reverse_proxy LEGACY`})
		b := g.SignedIn()
		for _, page := range []struct{ path, token string }{{"/blog", "set"}, {"/shop", ""}, {"/blog", ""}} {
			response := b.Get(page.path)
			if response.StatusCode != http.StatusOK || response.Received.User(t) != "alice" {
				t.Fatalf("%s: status %d", page.path, response.StatusCode)
			}
			if got := response.TokenSet(); got != page.token {
				t.Errorf("%q: %s: token cookie %q, want %q", directives, page.path, got, page.token)
			}
		}
	}
}

// The operator revokes with the token as the browser has it, in whichever form.
func TestAdminRevokesByEncryptedToken(t *testing.T) {
	g := harness.New(t, "token_encrypt")
	b := g.SignedIn()
	g.Expect(b.Get("/page"), "alice", "set", 1)
	token := b.Cookies[harness.TokenName]
	var done admin.RevokeAnswer
	harness.AdminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, token)).Into(t, &done)
	if !done.Revoked {
		t.Error("the answer does not say so")
	}
	g.Clock.Advance(2 * time.Second)
	response := b.Get("/page")
	if user := response.Received.User(t); user != "alice" || response.TokenSet() != "set" || b.Cookies[harness.TokenName] == token {
		t.Errorf("the next request: user %q, token cookie %q; want the session path and another token", user, response.TokenSet())
	}
}
