package jwtsession_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	dto "github.com/prometheus/client_model/go"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// signingProvider is an identity provider that signs whatever a test wants it to say.
type signingProvider struct {
	*testing.T

	url   string
	key   *ecdsa.PrivateKey
	down  atomic.Bool
	count atomic.Int64
	clock func() time.Time // nil: the machine's

	mutex sync.Mutex
	codes map[string]map[string]any // the claims of ID tokens
}

func newSigningProvider(t *testing.T) *signingProvider {
	t.Helper()
	p := &signingProvider{T: t, codes: make(map[string]map[string]any)}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *signingProvider) serve(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": p.url, "jwks_uri": p.url + "/keys", "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			"response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
		}
	case "/keys":
		answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
	case "/token":
		p.mutex.Lock()
		claims := p.codes[r.PostFormValue("code")]
		p.mutex.Unlock()
		hash := map[string]any{"at_hash": accessHash}
		maps.Copy(hash, claims)
		answer = map[string]any{"id_token": p.sign("JWT", hash), "access_token": accessText, "token_type": "Bearer"}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if p.down.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// accessText is an access token that nobody looks into, and accessHash is its at_hash.
const accessText, accessHash = "opaque", "bSKYhMEmi7CrMtjaMV0P5Q"

func (p *signingProvider) now() time.Time {
	if p.clock != nil {
		return p.clock()
	}
	return time.Now()
}

// sign signs claims with a type in the header; an empty one is none.
func (p *signingProvider) sign(typ string, claims map[string]any) string {
	return p.signWith(p.key, "k", typ, claims)
}

func (p *signingProvider) signWith(key any, id, typ string, claims map[string]any) string {
	p.Helper()
	options := new(jose.SignerOptions).WithHeader("kid", id)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		p.Fatal(err)
	}
	all := map[string]any{
		"iss": p.url, "aud": "shop", "iat": p.now().Unix(), "exp": p.now().Add(2 * time.Minute).Unix(),
		"jti": fmt.Sprint("token-", p.count.Add(1)),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		p.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		p.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.Fatal(err)
	}
	return text
}

// logoutToken returns a logout token with changes of its claims.
func (p *signingProvider) logoutToken(claims map[string]any) string {
	all := map[string]any{"events": map[string]any{logoutEvent: map[string]any{}}}
	maps.Copy(all, claims)
	return p.sign("logout+jwt", all)
}

// eventToken returns a security event token with one event.
func (p *signingProvider) eventToken(event string, claims map[string]any) string {
	all := map[string]any{"exp": nil, "events": map[string]any{"https://schemas.openid.net/secevent/" + event: map[string]any{}}}
	maps.Copy(all, claims)
	return p.sign("secevent+jwt", all)
}

func (p *signingProvider) subject(sub string) map[string]any {
	return map[string]any{"format": "iss_sub", "iss": p.url, "sub": sub}
}

// signOutGateway has a realm whose sessions the gateway opens, and one whose application opens them itself.
type signOutGateway struct {
	*harness.Gateway

	idp     *signingProvider
	options harness.Options
}

// signOutSite is that of both realms. The blocks of jwt_session_signout take further options.
func signOutSite(idp *signingProvider, shop, blog string) harness.Options {
	return harness.Options{TLS: true, Site: `
		jwt_session_callback shop {
			issuer ` + idp.url + `
			client_id shop
			client_secret secret
		}
		jwt_session_signout shop {
			issuer ` + idp.url + `
			client_id shop
			` + shop + `
		}
		jwt_session_signout /none blog {
			issuer ` + idp.url + `
			client_id shop
			map email to attribute email
			` + blog + `
		}
		@blog host blog.example
		jwt_session @blog blog {
			session_cookie blog
			whoami /whoami-blog json user {
				attribute email json email
			}
			unauthenticated pass
		}
		@shop not host blog.example
		jwt_session @shop shop {
			whoami /whoami json user
			unauthenticated pass
		}
		jwt_session_status /status
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY`}
}

func newSignOutGateway(t *testing.T, shop, blog string) *signOutGateway {
	t.Helper()
	g := &signOutGateway{idp: newSigningProvider(t)}
	g.options = signOutSite(g.idp, shop, blog)
	g.Gateway = harness.NewWith(t, g.options)
	g.idp.clock = g.Clock.Now
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/whoami-blog":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			if user := g.blogUser(r); user != "" {
				_, _ = fmt.Fprintf(w, `{"user": "no-%s", "email": "%s@Example.com"}`, user, user)
				return true
			}
			_, _ = io.WriteString(w, `{"user": null}`)
			return true
		case r.URL.Path == "/blog-login":
			http.SetCookie(w, &http.Cookie{Name: "blog", Value: g.Legacy.SignIn(r.URL.Query().Get("user")), Path: "/"})
		}
		return false
	})
	return g
}

func (g *signOutGateway) blogUser(r *http.Request) string {
	cookie, err := r.Cookie("blog")
	if err != nil {
		return ""
	}
	asShop := &http.Request{Header: http.Header{"Cookie": {"session=" + cookie.Value}}}
	return g.Legacy.User(asShop)
}

// signIn signs a user in at the shop by the callback, with a session at the provider unless sid is empty.
func (g *signOutGateway) signIn(user, sid string) *harness.Browser {
	g.Helper()
	b := g.Browser()
	b.Host = "shop.example"
	location, err := b.Get("/auth/login").Location()
	if err != nil {
		g.Fatal(err)
	}
	claims := map[string]any{"sub": user, "nonce": location.Query().Get("nonce")}
	if sid != "" {
		claims["sid"] = sid
	}
	code := fmt.Sprint("code-", g.idp.count.Add(1))
	g.idp.mutex.Lock()
	g.idp.codes[code] = claims
	g.idp.mutex.Unlock()
	if status := b.Get("/auth/callback?" + url.Values{"code": {code}, "state": {location.Query().Get("state")}}.Encode()).StatusCode; status != http.StatusSeeOther {
		g.Fatalf("signing in: status %d", status)
	}
	g.expectUser(b, user)
	g.expectUser(b, user) // by token
	return b
}

// readBlog signs a user in at the blog, which the gateway knows nothing of, and comes with a token.
func (g *signOutGateway) readBlog(user string) *harness.Browser {
	g.Helper()
	b := g.Browser()
	b.Host = "blog.example"
	b.Get("/blog-login?user=" + user)
	g.expectUser(b, "no-"+user)
	g.expectUser(b, "no-"+user)
	return b
}

func (g *signOutGateway) expectUser(b *harness.Browser, want string) {
	g.Helper()
	if got := b.Get("/page").Received.Header.Get("OurApp-User-ID"); got != want {
		g.Errorf("the request is %q's, want %q", got, want)
	}
}

// post sends the body to the path as the provider does, and returns the answer with its body.
func (g *signOutGateway) post(path, media, body string, lines ...string) (*http.Response, string) {
	g.Helper()
	request, err := http.NewRequestWithContext(g.Context(), http.MethodPost, g.URL+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	request.Header.Set("Content-Type", media)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	response, err := g.Server.Client().Do(request)
	if err != nil {
		g.Fatal(err)
	}
	return response, readAll(g.T, response)
}

// logout sends a logout token and expects a status.
func (g *signOutGateway) logout(token string, want int) {
	g.Helper()
	response, body := g.post("/auth/signout", "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
	if response.StatusCode != want || response.Header.Get("Cache-Control") != "no-store" {
		g.Errorf("status %d, want %d; %q, %s", response.StatusCode, want, response.Header, body)
	}
	if want == http.StatusBadRequest && body != "{\"error\":\"invalid_request\"}\n" && body != "{\"error\":\"server_error\"}\n" {
		g.Errorf("the answer says %q", body)
	}
}

func TestBackChannelLogoutOfOneSession(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	first, second, untied, other := g.signIn("ann", "s1"), g.signIn("ann", "s2"), g.signIn("ann", ""), g.signIn("bob", "s3")
	g.logout(g.idp.logoutToken(map[string]any{"sub": "ann", "sid": "s1"}), http.StatusOK)
	g.expectUser(first, "")
	g.expectUser(second, "ann")
	g.expectUser(untied, "") // which session it is could not be told
	g.expectUser(other, "bob")
	// By sid alone, too. Another user's name beside it changes nothing for other sessions.
	g.logout(g.idp.logoutToken(map[string]any{"sid": "s2"}), http.StatusOK)
	g.expectUser(second, "")
	g.expectUser(other, "bob")
	again := g.signIn("ann", "s1")
	g.Clock.Advance(time.Minute)
	g.expectUser(again, "ann")
}

func TestBackChannelLogoutOfTheUser(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	first, second, other := g.signIn("ann", "s1"), g.signIn("ann", ""), g.signIn("bob", "s3")
	token := g.idp.logoutToken(map[string]any{"sub": "ann"})
	g.logout(token, http.StatusOK)
	g.expectUser(first, "")
	g.expectUser(second, "")
	g.expectUser(other, "bob")
	again := g.signIn("ann", "s4")
	g.logout(token, http.StatusBadRequest) // a repetition
	g.expectUser(again, "ann")
}

// Not every provider writes logout+jwt: Auth0, and Keycloak before version 25, write JWT, and some write nothing.
func TestBackChannelLogoutOfEveryType(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	for _, typ := range []string{"logout+jwt", "JWT", ""} {
		ann := g.signIn("ann", "s1")
		g.expectUser(ann, "ann")
		token := g.idp.sign(typ, map[string]any{"sub": "ann", "sid": "s1", "events": map[string]any{logoutEvent: map[string]any{}}})
		g.logout(token, http.StatusOK)
		g.expectUser(ann, "")
		g.logout(token, http.StatusBadRequest) // a repetition
	}
}

// The application of the blog knows nothing of the provider. Its users are found by their address, in any spelling.
func TestBackChannelLogoutOfAnUnchangedApplication(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann, idle, bob := g.readBlog("ann"), g.readBlog("ann"), g.readBlog("bob")
	g.logout(g.idp.logoutToken(map[string]any{"sub": "17", "email": "ANN@example.com"}), http.StatusOK)
	for name, b := range map[string]*harness.Browser{"one": ann, "the other": idle} {
		received := b.Get("/page").Received
		if received.Header.Get("OurApp-User-ID") != "" || strings.Contains(received.Header.Get("Cookie"), "blog") {
			t.Errorf("%s session: %v", name, received.Header)
		}
	}
	g.expectUser(bob, "no-bob")
	// Who signs in again is let in, and the old cookie stays out, also when the records are gone.
	ann.Get("/blog-login?user=ann")
	g.expectUser(ann, "no-ann")
	g.Clock.Advance(40 * time.Minute)
	g.expectUser(ann, "no-ann")
	g.expectUser(idle, "")
}

// A session that was idle for so long that its record is gone does not come back either.
func TestBackChannelLogoutOfASessionWithoutRecord(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann := g.readBlog("ann")
	g.Clock.Advance(40 * time.Minute)
	g.logout(g.idp.logoutToken(map[string]any{"sub": "17", "email": "ann@example.com"}), http.StatusOK)
	g.expectUser(ann, "")
	ann.Get("/blog-login?user=ann")
	g.expectUser(ann, "no-ann")
}

// What was answered with 200 holds after the process was killed and started again.
func TestBackChannelLogoutIsDurable(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	one, all, blog := g.signIn("ann", "s1"), g.signIn("bob", "s2"), g.readBlog("cid")
	for _, claims := range []map[string]any{{"sid": "s1"}, {"sub": "bob"}, {"sub": "17", "email": "cid@example.com"}} {
		g.logout(g.idp.logoutToken(claims), http.StatusOK)
	}
	g.Server.Close()
	if err := g.App.Cleanup(); err != nil {
		t.Fatal(err)
	}
	g.Load(g.options)
	for _, b := range []*harness.Browser{one, all, blog} {
		b.URL, b.Client = g.URL, g.Server.Client()
		g.expectUser(b, "")
	}
}

// While the store does not take it, the answer is not 200, and the same token may come again.
func TestBackChannelLogoutThatIsNotDurable(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"a session": {"sid": "s1"}, "a user": {"sub": "ann"}, "an attribute": {"sub": "17", "email": "x@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSignOutGateway(t, "", "")
			token := g.idp.logoutToken(claims)
			if err := g.App.CloseStore(); err != nil {
				t.Fatal(err)
			}
			g.logout(token, http.StatusBadRequest)
			g.Load(g.options)
			g.logout(token, http.StatusOK)
			g.logout(token, http.StatusBadRequest)
		})
	}
}

func TestBackChannelLogoutWhileTheProviderIsDown(t *testing.T) {
	t.Parallel() // it waits for the provider
	idp := newSigningProvider(t)
	idp.down.Store(true)
	g := &signOutGateway{idp: idp, options: signOutSite(idp, "", "")}
	g.Gateway = harness.NewWith(t, g.options)
	idp.clock = g.Clock.Now
	g.logout(idp.logoutToken(map[string]any{"sub": "ann"}), http.StatusBadRequest)
}

// The negative cases of the OpenID Foundation, and their relatives, over HTTP. None of them signs anybody out.
func TestBackChannelLogoutRefuses(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann := g.signIn("ann", "s1")
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(changes map[string]any) map[string]any {
		all := map[string]any{"sub": "ann", "sid": "s1", "events": map[string]any{logoutEvent: map[string]any{}}}
		maps.Copy(all, changes)
		return all
	}
	good := g.idp.sign("logout+jwt", claims(nil))
	parts := strings.Split(good, ".")
	now := g.Clock.Now()
	for name, token := range map[string]string{
		"a wrong typ":        g.idp.sign("at+jwt", claims(nil)),
		"the typ of events":  g.idp.sign("secevent+jwt", claims(nil)),
		"a nonce":            g.idp.logoutToken(claims(map[string]any{"nonce": "n"})),
		"no events":          g.idp.sign("logout+jwt", claims(map[string]any{"events": nil})),
		"another event":      g.idp.logoutToken(claims(map[string]any{"events": map[string]any{"urn:x": map[string]any{}}})),
		"a wrong aud":        g.idp.logoutToken(claims(map[string]any{"aud": "other"})),
		"no aud":             g.idp.logoutToken(claims(map[string]any{"aud": nil})),
		"a wrong iss":        g.idp.logoutToken(claims(map[string]any{"iss": "https://evil.example"})),
		"an old iat":         g.idp.logoutToken(claims(map[string]any{"iat": now.Add(-time.Hour).Unix()})),
		"a future iat":       g.idp.logoutToken(claims(map[string]any{"iat": now.Add(time.Hour).Unix(), "exp": now.Add(2 * time.Hour).Unix()})),
		"expired":            g.idp.logoutToken(claims(map[string]any{"iat": now.Add(-2 * time.Minute).Unix(), "exp": now.Add(-time.Minute).Unix()})),
		"no iat":             g.idp.logoutToken(claims(map[string]any{"iat": nil})),
		"no jti":             g.idp.logoutToken(claims(map[string]any{"jti": nil})),
		"neither sub or sid": g.idp.logoutToken(claims(map[string]any{"sub": nil, "sid": nil})),
		"an unknown key":     g.idp.signWith(foreign, "other", "logout+jwt", claims(nil)),
		"a foreign key":      g.idp.signWith(foreign, "k", "logout+jwt", claims(nil)),
		"alg none":           "eyJhbGciOiJub25lIiwia2lkIjoiayIsInR5cCI6ImxvZ291dCtqd3QifQ." + parts[1] + ".",
		"alg HS256":          "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJsb2dvdXQrand0In0." + parts[1] + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"an ID token":        g.idp.sign("JWT", map[string]any{"sub": "ann", "sid": "s1", "nonce": "n"}),
		"an access token":    g.idp.sign("JWT", map[string]any{"sub": "ann", "sid": "s1", "scope": "openid"}),
		"both":               g.idp.sign("JWT", claims(map[string]any{"nonce": "n"})),
		"another kind":       g.idp.sign("JWT", claims(map[string]any{"typ": "Bearer"})),
		"another typ":        g.idp.sign("dpop+jwt", claims(nil)),
		"nothing":            "",
		"text":               "logout",
	} {
		t.Run(name, func(t *testing.T) {
			g.logout(token, http.StatusBadRequest)
			g.expectUser(ann, "ann")
		})
	}
	form := "application/x-www-form-urlencoded"
	for name, test := range map[string]struct{ media, body string }{
		"two tokens":       {form, "logout_token=" + good + "&logout_token=" + good},
		"no token":         {form, "token=" + good},
		"a malformed form": {form, "logout_token=%zz"},
		"another type":     {"text/plain", "logout_token=" + good},
		"too much":         {form, "logout_token=" + good + "&x=" + strings.Repeat("x", 1<<17)},
	} {
		if response, _ := g.post("/auth/signout", test.media, test.body); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
		g.expectUser(ann, "ann")
	}
	if response, _ := g.post("/auth/signout?logout_token="+good, form, ""); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a token in the query: status %d", response.StatusCode)
	}
	if got := ann.Do(http.MethodGet, "/auth/signout"); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: status %d", got.StatusCode)
	}
	if strings.Contains(g.Logged(), parts[2]) {
		t.Error("a token is in the log")
	}
	g.logout(good, http.StatusOK)
	g.expectUser(ann, "")
}

// A reload does not let a token count again.
func TestBackChannelLogoutRepeatedAfterAReload(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	token := g.idp.logoutToken(map[string]any{"sub": "ann"})
	g.logout(token, http.StatusOK)
	g.Load(g.options)
	g.logout(token, http.StatusBadRequest)
}

// Several copies of one token at once count once, and none of them is acknowledged before it is done.
func TestBackChannelLogoutConcurrently(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	body := url.Values{"logout_token": {g.idp.logoutToken(map[string]any{"sub": "ann"})}}.Encode()
	var done atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			response, err := g.Server.Client().Post(g.URL+"/auth/signout", "application/x-www-form-urlencoded", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				done.Add(1)
			}
		})
	}
	group.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of them were done", done.Load())
	}
}

// The streams of a user who is signed out are closed.
func TestBackChannelLogoutClosesStreams(t *testing.T) {
	idp := newSigningProvider(t)
	options := signOutSite(idp, "map sub to user", "")
	options.TLS = false
	s := newStreamingApp(t, options)
	g := &signOutGateway{Gateway: s.Gateway, idp: idp}
	idp.clock = g.Clock.Now
	b := s.Browser()
	b.Cookies["session"] = s.Legacy.SignIn("ann")
	b.Get("/page")
	stream := s.open(b, "event source", "/events")
	if err := stream.next(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	g.logout(idp.logoutToken(map[string]any{"sub": "ann"}), http.StatusOK)
	if err := stream.ended(); err != nil || time.Since(began) > time.Second {
		t.Errorf("the stream ended after %v, %v", time.Since(began), err)
	}
}

// countOfSignOuts returns how often the outcome was counted by the door.
func countOfSignOuts(t *testing.T, door, outcome string) float64 {
	t.Helper()
	var metric dto.Metric
	if err := telemetry.SignOutsTotal.WithLabelValues(door, outcome).Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetCounter().GetValue()
}

// What matches nobody is counted, shown, and logged.
func TestSignOutOfNobodyIsNotSilent(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	before := countOfSignOuts(t, telemetry.SignOutByLogout, telemetry.SignOutNobody)
	g.logout(g.idp.logoutToken(map[string]any{"sub": "nobody-here"}), http.StatusOK)
	if got := countOfSignOuts(t, telemetry.SignOutByLogout, telemetry.SignOutNobody); got != before+1 {
		t.Errorf("counted %v, before %v", got, before)
	}
	if !strings.Contains(g.Logged(), "check the option map") {
		t.Error("the log says nothing")
	}
	status, answer := g.Admin(http.MethodGet, "status", "")
	counts, _ := answer["sign_outs"].(map[string]any)
	if status != http.StatusOK || counts["nobody"] == nil {
		t.Errorf("the status says %v", answer["sign_outs"])
	}
	b := g.Browser()
	if response, err := b.Client.Get(g.URL + "/status"); err != nil || !strings.Contains(readAll(t, response), "Sign-outs by providers") {
		t.Errorf("the page does not show it: %v", err)
	}
}

// A configuration that could end no session is refused.
func TestSignOutNeedsARealm(t *testing.T) {
	for options, want := range map[string]string{
		"jwt_session_signout blog {\nissuer https://id.example\nclient_id a\n}":                                                                                                                              "there is no jwt_session handler of the realm blog",
		"jwt_session_signout shop {\nissuer https://id.example\nclient_id {env.NO_SUCH_VARIABLE}\n}":                                                                                                         "client_id: a placeholder in it is unknown or empty",
		"jwt_session_signout shop {\nissuer https://id.example\nclient_id a\npoll https://id.example/poll {\nauthorization {env.NO_SUCH_VARIABLE}\n}\n}":                                                     "poll https://id.example/poll: authorization: a placeholder",
		"jwt_session_signout shop {\nissuer https://id.example\nclient_id a\npoll http://127.0.0.1:1/p\n}\njwt_session_signout shop {\nissuer https://id.example\nclient_id b\npoll http://127.0.0.1:1/p\n}": "another jwt_session_signout polls it",
	} {
		g := &harness.Gateway{T: t, Legacy: harness.NewLegacy(t), Clock: testclock.New(), Dir: t.TempDir()}
		ctx, err := harness.Provision(g.Adapt(harness.Options{Site: options + "\njwt_session shop\nreverse_proxy LEGACY"}))
		if err == nil {
			loaded, appErr := app.Of(ctx)
			if appErr != nil {
				t.Fatal(appErr)
			}
			err = loaded.Start()
			if cleanErr := loaded.Cleanup(); cleanErr != nil {
				t.Error(cleanErr)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
