package jwtsession_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

// The application has cookies whose names begin with jwt_. With a realm of any name they look like tokens of ours by their
// name; the application must have them all the same, and nothing of ours may replace or clear them.
func TestApplicationCookieWithTheNameOfSomeRealmsToken(t *testing.T) {
	t.Parallel()
	for _, realm := range []string{"{host}", "{http.request.header.X-App}"} {
		g := harness.NewWith(t, harness.Options{Site: "jwt_session " + realm + " {\nwhoami /whoami json user\n}\nreverse_proxy LEGACY"})
		encode := base64.RawURLEncoding.EncodeToString
		theirs := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(`{"sub":"alice"}`)) + "." + encode([]byte("signature"))
		session := g.Legacy.SignIn("alice")
		own := "session=" + session + "; jwt_refresh=secret-refresh; __Host-jwt_refresh=a.b.c; jwt_access=" + theirs +
			"; jwt_empty=; jwt_quoted=\"x\"; jwt_a.example-old=1"
		lines := []string{"Host: a.example", "X-App: a.example"}
		first := g.RawGet(append(lines, "Cookie: "+own)...)
		token := ""
		for _, line := range first.Header["Set-Cookie"] {
			if set := cookie.ReadLine(line); set.Name == "jwt_a.example" {
				token = set.Value
			} else if strings.HasPrefix(strings.TrimPrefix(set.Name, carrier.HostPrefix), "jwt_") {
				t.Errorf("%s: the cookie %s is set or cleared", realm, set.Name)
			}
		}
		if token == "" {
			t.Fatalf("%s: no token", realm)
		}
		if got := harness.ReceivedFrom(t, first).Header.Get("Cookie"); got != own {
			t.Errorf("%s: the application received %q", realm, got)
		}
		// Tokens of ours stay here under the name of any realm, be they of use or not, beside the application's own.
		broken := token[:len(token)-4] + "AAAA"
		response := g.RawGet(append(lines, "Cookie: jwt_a.example="+token+"; "+own+"; jwt_b.example="+token+
			"; __Host-jwt_c="+broken+"; jwt_refresh="+token)...)
		if got := harness.ReceivedFrom(t, response).Header.Get("Cookie"); got != own {
			t.Errorf("%s: with tokens, the application received %q", realm, got)
		}
	}
}

// The application's own cookie has the very name that the token of this request's realm would have.
func TestApplicationCookieWithTheNameOfThisRealmsToken(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `jwt_session {host} {
		whoami /whoami json user
		unauthenticated pass
	}
	reverse_proxy LEGACY`})
	for _, cookies := range []string{"jwt_refresh=secret-refresh", "jwt_refresh=secret-refresh; session=" + g.Legacy.SignIn("alice")} {
		response := g.RawGet("Host: refresh", "Cookie: "+cookies)
		if got := harness.ReceivedFrom(t, response).Header.Get("Cookie"); got != cookies {
			t.Errorf("the application received %q, want %q", got, cookies)
		}
		if lines := response.Header["Set-Cookie"]; len(lines) > 0 {
			t.Errorf("the application's cookie is replaced or cleared: %d lines", len(lines))
		}
	}
	if !strings.Contains(g.Logged(), "give the token another name with token_cookie") {
		t.Error("nothing says why there is no token")
	}
}

// Where the name is the operator's own word, or of a fixed realm, whatever it holds is kept from the application, as before.
func TestTokenCookieOfFixedNameIsHiddenByItsName(t *testing.T) {
	t.Parallel()
	for directive, name := range map[string]string{"jwt_session shop": "jwt_shop", "jwt_session shop-{host}": "gate"} {
		g := harness.NewWith(t, harness.Options{Site: directive + " {\nwhoami /whoami json user\nunauthenticated pass\n" +
			map[string]string{"jwt_shop": "", "gate": "token_cookie gate\n"}[name] + "}\nreverse_proxy LEGACY"})
		response := g.RawGet("Host: a.example", "Cookie: a=1; "+name+"=garbage; b=2")
		if got := harness.ReceivedFrom(t, response).Header.Get("Cookie"); got != "a=1; b=2" || response.StatusCode != http.StatusOK {
			t.Errorf("%s: the application received %q", directive, got)
		}
	}
}
