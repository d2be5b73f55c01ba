package jwtsession

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/modules/admin"
)

// The user id is in a token for all to read, and with token_encrypt for nobody but the gateway.
func TestEncryptedTokenAnswersAndTellsNothing(t *testing.T) {
	t.Parallel()
	for directive, parts := range map[string]int{"": 3, "token_encrypt": 5} {
		g := newTestGateway(t, directive)
		b := g.signedIn()
		g.expect(b.get("/page"), "alice", "set", 1)
		g.expect(b.get("/page"), "alice", "", 1)
		token := strings.Split(b.cookies[tokenName], ".")
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
		site := func(directive string) gatewayOptions {
			return gatewayOptions{
				global: "key secret MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY",
				site:   "jwt_session shop {\n whoami /whoami json user\n" + directive + "\n}\nreverse_proxy LEGACY",
			}
		}
		before, after := newTestGatewayWith(t, site(step[0])), newTestGatewayWith(t, site(step[1]))
		b := after.signedIn()
		b.cookies[tokenName] = before.mintFor("alice", b.cookies["session"])
		kept := b.cookies[tokenName]
		after.expect(b.get("/page"), "alice", "set", 1)
		after.expect(b.get("/page"), "alice", "", 1)
		b.cookies[tokenName] = kept
		delete(b.cookies, "session")
		after.expectRefused(b.get("/page"), "cleared")
	}
}

// That a token belongs to another realm comes before every other rule, also where that realm has the other form.
func TestTokenOfAnotherRealmInTheOtherForm(t *testing.T) {
	t.Parallel()
	for _, directives := range [][2]string{{"", "token_encrypt"}, {"token_encrypt", ""}} {
		g := newTestGatewayWith(t, gatewayOptions{site: `
			jwt_session /blog* blog {
				whoami /whoami json user
				token_cookie ` + tokenName + `
				` + directives[0] + `
			}
			jwt_session /shop* shop {
				whoami /whoami json user
				token_cookie ` + tokenName + `
				` + directives[1] + `
			}
			reverse_proxy LEGACY`})
		b := g.signedIn()
		for _, page := range []struct{ path, token string }{{"/blog", "set"}, {"/shop", ""}, {"/blog", ""}} {
			response := b.get(page.path)
			if response.StatusCode != http.StatusOK || response.received.user(t) != "alice" {
				t.Fatalf("%s: status %d", page.path, response.StatusCode)
			}
			if got := response.tokenSet(); got != page.token {
				t.Errorf("%q: %s: token cookie %q, want %q", directives, page.path, got, page.token)
			}
		}
	}
}

// The operator revokes with the token as the browser has it, in whichever form.
func TestAdminRevokesByEncryptedToken(t *testing.T) {
	g := newTestGateway(t, "token_encrypt")
	b := g.signedIn()
	g.expect(b.get("/page"), "alice", "set", 1)
	token := b.cookies[tokenName]
	var done admin.RevokeAnswer
	adminPost(t, "revocations", fmt.Sprintf(`{"token": %q}`, token)).into(t, &done)
	if !done.Revoked {
		t.Error("the answer does not say so")
	}
	g.clock.advance(2 * time.Second)
	response := b.get("/page")
	if user := response.received.user(t); user != "alice" || response.tokenSet() != "set" || b.cookies[tokenName] == token {
		t.Errorf("the next request: user %q, token cookie %q; want the session path and another token", user, response.tokenSet())
	}
}
