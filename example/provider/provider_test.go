package provider

import (
	"crypto/sha256"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testkey"
)

const (
	redirectURI = "https://client.example/callback"
	verifier    = "a-code-verifier-of-the-length-that-rfc-7636-wants"
)

var testClient = Client{ID: "shop", Secret: "shop-secret", RedirectURI: redirectURI, Audience: "https://api.example"}

// open serves a provider whose clock the test moves.
func open(t *testing.T) (*Provider, *httptest.Server, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var provider *Provider
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { provider.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	other := Client{ID: "other", Secret: "other-secret", RedirectURI: redirectURI, Audience: "https://api.example"}
	var err error
	provider, err = New(Options{
		Issuer: server.URL, Clients: []Client{testClient, other}, Now: func() time.Time { return now },
		NewKey: testkey.Maker(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return provider, server, &now
}

func codeRequest() url.Values {
	hash := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {testClient.ID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid profile buy stock"}, "state": {"the-state"}, "nonce": {"the-nonce"},
		"code_challenge": {encode(hash[:])}, "code_challenge_method": {"S256"},
	}
}

func postRequest() url.Values {
	return url.Values{
		"client_id": {testClient.ID}, "redirect_uri": {redirectURI}, "response_type": {"id_token token"},
		"response_mode": {"form_post"}, "scope": {"openid buy"}, "state": {"the-state"}, "nonce": {"the-nonce"},
	}
}

func do(t *testing.T, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func post(t *testing.T, address string, form url.Values) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, request)
}

// signIn opens the page and signs in as alice.
func signIn(t *testing.T, server *httptest.Server, query url.Values, password string) (*http.Response, string) {
	t.Helper()
	response, page := get(t, server.URL+AuthorizePath+"?"+query.Encode())
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the sign-in page: %d", response.StatusCode)
	}
	field := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(page)
	if field == nil {
		t.Fatal("the page has no request")
	}
	return post(t, server.URL+AuthorizePath, url.Values{
		"request": {html.UnescapeString(field[1])}, "user": {"alice"}, "password": {password},
	})
}

func location(t *testing.T, response *http.Response) url.Values {
	t.Helper()
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d, want 303", response.StatusCode)
	}
	address, err := response.Location()
	if err != nil || !strings.HasPrefix(address.String(), redirectURI+"?") {
		t.Fatalf("sent to %v, %v", address, err)
	}
	return address.Query()
}

func redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		"client_id": {testClient.ID}, "client_secret": {testClient.Secret},
	}
}

// claims verifies a token with the published keys, by another library.
func claims(t *testing.T, server *httptest.Server, text, kind string) map[string]any {
	t.Helper()
	_, body := get(t, server.URL+KeysPath)
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(body), &keys); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if got := token.Headers[0].ExtraHeaders["typ"]; got != kind {
		t.Errorf("typ %v, want %s", got, kind)
	}
	read := map[string]any{}
	if err := token.Claims(keys, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func want(t *testing.T, got map[string]any, expected map[string]any) {
	t.Helper()
	for name, value := range expected {
		if got[name] != value {
			t.Errorf("claim %s: %v, want %v", name, got[name], value)
		}
	}
}

func TestCodeFlow(t *testing.T) {
	_, server, now := open(t)
	response, _ := signIn(t, server, codeRequest(), "alice-pass-1")
	answer := location(t, response)
	if answer.Get("state") != "the-state" || answer.Get("iss") != server.URL {
		t.Errorf("answered %v", answer)
	}
	response, body := post(t, server.URL+TokenPath, redemption(answer.Get("code")))
	var issued tokens
	if err := json.Unmarshal([]byte(body), &issued); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	want(t, claims(t, server, issued.Access, "at+jwt"), map[string]any{
		"iss": server.URL, "sub": "alice", "aud": "https://api.example", "client_id": "shop",
		"scope": "openid profile buy", "exp": float64(now.Add(accessLifetime).Unix()), // not stock, which is bob's
	})
	want(t, claims(t, server, issued.ID, "JWT"), map[string]any{
		"iss": server.URL, "sub": "alice", "aud": "shop", "nonce": "the-nonce", "name": "Alice Adams",
		"at_hash": halfHash(issued.Access),
	})
	if response, _ := post(t, server.URL+TokenPath, redemption(answer.Get("code"))); response.StatusCode != http.StatusBadRequest {
		t.Errorf("the code worked twice: %d", response.StatusCode)
	}
}

func TestCodeIsRefused(t *testing.T) {
	for name, change := range map[string]func(url.Values, *time.Time){
		"another verifier": func(form url.Values, _ *time.Time) { form.Set("code_verifier", strings.Repeat("b", 43)) },
		"another address":  func(form url.Values, _ *time.Time) { form.Set("redirect_uri", "https://evil.example/") },
		"another client": func(form url.Values, _ *time.Time) {
			form.Set("client_id", "other")
			form.Set("client_secret", "other-secret")
		},
		"a wrong secret":  func(form url.Values, _ *time.Time) { form.Set("client_secret", "guess") },
		"no secret":       func(form url.Values, _ *time.Time) { form.Del("client_secret") },
		"another grant":   func(form url.Values, _ *time.Time) { form.Set("grant_type", "password") },
		"a minute later":  func(_ url.Values, now *time.Time) { *now = now.Add(codeLifetime) },
		"no such code":    func(form url.Values, _ *time.Time) { form.Set("code", "guess") },
		"an empty secret": func(form url.Values, _ *time.Time) { form.Set("client_secret", "") },
	} {
		t.Run(name, func(t *testing.T) {
			_, server, now := open(t)
			response, _ := signIn(t, server, codeRequest(), "alice-pass-1")
			form := redemption(location(t, response).Get("code"))
			change(form, now)
			if response, body := post(t, server.URL+TokenPath, form); response.StatusCode < 400 {
				t.Errorf("status %d: %s", response.StatusCode, body)
			}
		})
	}
}

func TestFormPost(t *testing.T) {
	_, server, _ := open(t)
	response, page := signIn(t, server, postRequest(), "alice-pass-1")
	if response.StatusCode != http.StatusOK || !strings.Contains(page, `action="`+redirectURI+`"`) {
		t.Fatalf("status %d, page %s", response.StatusCode, page)
	}
	if !strings.Contains(page, "<script>"+submitScript+"</script>") {
		t.Error("the page has not the script that its policy allows")
	}
	fields := map[string]string{}
	for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		fields[field[1]] = html.UnescapeString(field[2])
	}
	if fields["state"] != "the-state" || fields["iss"] != server.URL || fields["token_type"] != "Bearer" {
		t.Errorf("fields %v", fields)
	}
	want(t, claims(t, server, fields["id_token"], "JWT"), map[string]any{
		"sub": "alice", "nonce": "the-nonce", "at_hash": halfHash(fields["access_token"]), "name": nil,
	})
	want(t, claims(t, server, fields["access_token"], "at+jwt"), map[string]any{"sub": "alice", "scope": "openid buy"})
}

func TestWrongPasswordShowsThePageAgain(t *testing.T) {
	_, server, _ := open(t)
	response, page := signIn(t, server, codeRequest(), "guess")
	if response.StatusCode != http.StatusForbidden || !strings.Contains(page, `role="alert"`) {
		t.Errorf("status %d", response.StatusCode)
	}
}

// A request whose client is not known, or names another address, must send nobody anywhere.
func TestNobodyIsSentToStrangers(t *testing.T) {
	_, server, _ := open(t)
	for name, change := range map[string]func(url.Values){
		"client":  func(query url.Values) { query.Set("client_id", "stranger") },
		"address": func(query url.Values) { query.Set("redirect_uri", redirectURI+"/evil") },
	} {
		query := codeRequest()
		change(query)
		if response, _ := get(t, server.URL+AuthorizePath+"?"+query.Encode()); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
		response, _ := post(t, server.URL+AuthorizePath, url.Values{
			"request": {query.Encode()}, "user": {"alice"}, "password": {"alice-pass-1"},
		})
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d after sign-in", name, response.StatusCode)
		}
	}
}

func TestBadRequestsAreToldToTheClient(t *testing.T) {
	_, server, _ := open(t)
	for name, query := range map[string]url.Values{
		"no PKCE":         with(codeRequest(), "code_challenge", ""),
		"plain PKCE":      with(codeRequest(), "code_challenge_method", "plain"),
		"no openid":       with(codeRequest(), "scope", "buy"),
		"unknown flow":    with(codeRequest(), "response_type", "token"),
		"code by a form":  with(codeRequest(), "response_mode", "form_post"),
		"token in a URL":  with(postRequest(), "response_mode", "fragment"),
		"no nonce":        with(postRequest(), "nonce", ""),
		"parameter twice": with(codeRequest(), "nonce", "a", "b"),
	} {
		response, _ := get(t, server.URL+AuthorizePath+"?"+query.Encode())
		if answer := location(t, response); answer.Get("error") == "" || answer.Get("state") != "the-state" || answer.Has("code") {
			t.Errorf("%s: answered %v", name, answer)
		}
	}
}

func with(query url.Values, name string, values ...string) url.Values {
	query[name] = values
	return query
}

func TestRotateKeepsTheKeyBefore(t *testing.T) {
	provider, server, _ := open(t)
	response, _ := signIn(t, server, codeRequest(), "alice-pass-1")
	_, body := post(t, server.URL+TokenPath, redemption(location(t, response).Get("code")))
	var issued tokens
	if err := json.Unmarshal([]byte(body), &issued); err != nil {
		t.Fatal(err)
	}
	if err := provider.Rotate(); err != nil {
		t.Fatal(err)
	}
	want(t, claims(t, server, issued.ID, "JWT"), map[string]any{"sub": "alice"})
	if err := provider.Rotate(); err != nil {
		t.Fatal(err)
	}
	_, body = get(t, server.URL+KeysPath)
	if got := strings.Count(body, `"kid"`); got != keptKeys {
		t.Errorf("%d keys are published, want %d", got, keptKeys)
	}
}

func TestDiscovery(t *testing.T) {
	_, server, _ := open(t)
	_, body := get(t, server.URL+DiscoveryPath)
	var read metadata
	if err := json.Unmarshal([]byte(body), &read); err != nil {
		t.Fatal(err)
	}
	if read.Issuer != server.URL || read.Keys != server.URL+KeysPath || !read.NamesIssuer {
		t.Errorf("read %+v", read)
	}
}
