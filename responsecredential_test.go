package jwtsession_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/settlement"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// An attacker plants a session cookie in the browser of a victim whom the application knows by Basic authentication or the
// like, so that the response that names the victim makes the planted session hers.
func TestAttackResponseUserBesideAnotherCredential(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{
		{"Authorization: Basic YWxpY2U6eA=="},
		{"authorization: Basic YWxpY2U6eA=="},
		{"Authorization: Bearer x"},
		{"Authorization: Negotiate YII="},
		{"Authorization: "},
		{"Authorization: x", "Authorization: y"},
		{"Proxy-Authorization: Basic YWxpY2U6eA=="},
		{"Client-Cert: :YWxpY2U=:"},
		{"SSL-Client-Cert: alice"},
		{"x-client-cert: alice"},
		{"X-SSL-Client-Cert: alice"},
	} {
		g := newNamingGateway(t, "mixed", "")
		attacker := g.SignedIn()
		g.Legacy.Set(attacker.Cookies["session"], "")
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if user := g.Legacy.User(r); user != "" {
				w.Header().Set("X-Remote-User", user)
			} else if len(r.Header["Authorization"]) > 0 || strings.HasPrefix(lines[0], "Proxy-") || strings.Contains(strings.ToLower(lines[0]), "client-cert") {
				w.Header().Set("X-Remote-User", "alice")
			}
			return false
		})
		victim := g.Browser()
		victim.Cookies["session"] = attacker.Cookies["session"]
		response := victim.Get("/page", lines...)
		if response.StatusCode != http.StatusOK || response.TokenSet() == "set" || len(response.Header["X-Remote-User"]) != 0 {
			t.Errorf("%q: status %d, token cookie %q, header %q", lines, response.StatusCode, response.TokenSet(),
				response.Header["X-Remote-User"])
		}
		if response := attacker.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: the planted session: status %d, want 401", lines, response.StatusCode)
		}
	}
}

// The same with the access token of an identity provider, in whatever place the route takes it from.
func TestAttackResponseUserBesideAnAccessToken(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"", "from header X-Access-Token", "from cookie at"} {
		idp := newIdentityProvider(t)
		g := harness.NewWith(t, harness.Options{Site: `
			jwt_session shop {
				response_user X-Remote-User
				issuer ` + idp.url + ` {
					audience https://api.example
					` + from + `
				}
				unauthenticated /members* deny
				unauthenticated pass
			}
			reverse_proxy LEGACY`})
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Remote-User", r.Header.Get(identity.DefaultIdentityHeader))
			return false
		})
		token := idp.signIn(t, "api-client", "alice").Access
		victim := g.Browser()
		victim.Cookies["session"] = "planted-planted-planted"
		var line string
		switch from {
		case "":
			line = "Authorization: Bearer " + token
		case "from cookie at":
			victim.Cookies["at"] = token
		default:
			line = "X-Access-Token: " + token
		}
		if user := victim.Get("/page", line).Received.User(t); user != "alice" {
			t.Fatalf("%q: the request is %q's, want alice's", from, user)
		}
		attacker := g.Browser()
		attacker.Cookies["session"] = "planted-planted-planted"
		if response := attacker.Get("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: the planted session: status %d, want 401", from, response.StatusCode)
		}
	}
}

// The same with a client certificate, which the whoami question does not take along either.
func TestAttackClientCertificateBesideAPlantedSession(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"response_user X-Remote-User", "whoami /whoami json user"} {
		g := harness.NewWith(t, harness.Options{TLS: true, Site: `
			jwt_session shop {
				` + source + `
				unauthenticated /members* deny
				unauthenticated pass
			}
			request_header X-Certificate {http.request.tls.client.subject}
			reverse_proxy LEGACY`})
		byCertificate := func(r *http.Request) bool { return strings.Contains(r.Header.Get("X-Certificate"), "alice") }
		g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
			if byCertificate(r) {
				w.Header().Set("X-Remote-User", "alice")
			}
			return false
		})
		g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
			if byCertificate(r) {
				_, _ = io.WriteString(w, `{"user": "alice"}`)
			}
			return byCertificate(r)
		})
		server := httptest.NewUnstartedServer(g.Server.Config.Handler)
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		server.StartTLS()
		t.Cleanup(server.Close)
		visit := func(path string, certificates ...tls.Certificate) harness.Reply {
			client := server.Client()
			transport := client.Transport.(*http.Transport).Clone()
			transport.TLSClientConfig.Certificates = certificates
			b := &harness.Browser{T: t, URL: server.URL, Client: &http.Client{Transport: transport}, Cookies: map[string]string{}, Headers: http.Header{}}
			b.Cookies["session"] = "planted-planted-planted"
			return b.Get(path)
		}
		first := visit("/page", clientCertificate(t, "alice"))
		if got := first.Received.Header.Get("X-Certificate"); !strings.Contains(got, "alice") {
			t.Fatalf("%s: the application sees the certificate %q", source, got)
		}
		if user := first.Received.User(t); user != "" || first.TokenSet() == "set" {
			t.Errorf("%s: the request is %q's, token cookie %q", source, user, first.TokenSet())
		}
		g.Clock.Advance(4 * time.Second)
		if response := visit("/members"); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: the planted session: status %d, want 401", source, response.StatusCode)
		}
	}
}

// clientCertificate makes a certificate that is signed by itself.
func clientCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	template.Subject.CommonName = name
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}
}

// A known session goes on beside such a credential: it is neither confirmed by the response nor made another user's, and
// still ends where the response names nobody.
func TestKnownSessionBesideAnotherCredential(t *testing.T) {
	t.Parallel()
	const basic = "Authorization: Basic Ym9iOng="
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice"), "", "set", 0)
	g.ExpectRolling(b.Get("/switch?user=bob", basic), "alice", "token", "", 0)
	g.ExpectRolling(b.Get("/members", basic), "alice", "token", "", 0)
	expires := g.Claims(b).Expires()
	g.Legacy.Set(b.Cookies["session"], "alice")
	g.Clock.Advance(31 * time.Second)
	if response := b.Get("/page", basic); response.Received.User(t) != "alice" || g.Claims(b).Expires() != expires {
		t.Errorf("the response confirmed the session of %q", response.Received.User(t))
	}
	g.Legacy.Set(b.Cookies["session"], "")
	token := b.Cookies[harness.TokenName]
	g.ExpectRolling(b.Get("/page", basic), "alice", "token", "cleared", 0)
	b.Cookies[harness.TokenName] = token
	if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("after a response that named nobody: status %d", response.StatusCode)
	}
}

// A sign-in that sets a new session beside such a credential is learned from the next answer without it.
func TestSignInBesideAnotherCredential(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	b := g.Browser()
	g.Expect(b.Do(http.MethodPost, "/login?user=alice", "Authorization: Basic Ym9iOng="), "", "", 0)
	if response := b.Get("/members"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", response.StatusCode)
	}
	g.ExpectRolling(b.Get("/page"), "", "none", "set", 0)
	g.ExpectRolling(b.Get("/members"), "alice", "token", "", 0)
}

// The credential beside the session does not make the page of a revoked user anybody's to read.
func TestResponseOfARevokedUserBesideAnotherCredential(t *testing.T) {
	t.Parallel()
	g := newNamingGateway(t, "mixed", "")
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Remote-User", "alice")
		_, _ = io.WriteString(w, "secret of alice")
		return true
	})
	if err := g.App.Opened().Ledger.RevokeUser(t.Context(), "shop", "alice"); err != nil {
		t.Fatal(err)
	}
	response := g.SignedIn().Get("/page", "Authorization: Basic YWxpY2U6eA==")
	if response.StatusCode != http.StatusUnauthorized || strings.Contains(response.Text, "secret") {
		t.Errorf("status %d: %s", response.StatusCode, response.Text)
	}
}

func TestBringsOtherCredential(t *testing.T) {
	t.Parallel()
	certified := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	for _, test := range []struct {
		authorization []string
		header        http.Header
		tls           *tls.ConnectionState
		access        validator.AccessState
		want          bool
	}{
		{nil, nil, nil, validator.AccessAbsent, false},
		{nil, http.Header{"Authorization": {"ours"}, "Cookie": {"a=b"}}, nil, validator.AccessAbsent, false},
		{nil, nil, new(tls.ConnectionState), validator.AccessAbsent, false},
		{[]string{""}, nil, nil, validator.AccessAbsent, true},
		{[]string{"Basic x"}, nil, nil, validator.AccessAbsent, true},
		{nil, http.Header{"Proxy-Authorization": {""}}, nil, validator.AccessAbsent, true},
		{nil, nil, certified, validator.AccessAbsent, true},
		{nil, http.Header{"Client-Cert": {":YQ==:"}}, nil, validator.AccessAbsent, true},
		{nil, http.Header{"Client-Cert": {""}, "X-Forwarded-Client-Cert": {"By=a"}}, nil, validator.AccessAbsent, false},
		{nil, nil, nil, validator.AccessUsable, true},
		{nil, nil, nil, validator.AccessUndetermined, true},
		{nil, nil, nil, validator.AccessUnusable, true},
	} {
		request := &http.Request{Header: test.header, TLS: test.tls}
		if got := settlement.BringsOtherCredential(request, test.authorization, test.access); got != test.want {
			t.Errorf("%s: got %v", fmt.Sprint(test.authorization, test.header, test.access), got)
		}
	}
}
