package apps

import (
	"encoding/pem"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// visitor is a browser that takes the gateway for a secure site, as browsers do with this machine's own.
type visitor struct {
	*testing.T

	client  *http.Client
	gateway string // host and port
}

func newVisitor(t *testing.T, gateway string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{
		Jar: jar, Transport: plainTransport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, gateway}
}

// plainTransport speaks plain HTTP with sites that the cookie jar takes for secure.
type plainTransport struct{}

func (plainTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	plain := r.Clone(r.Context())
	plain.URL.Scheme = "http"
	return http.DefaultTransport.RoundTrip(plain)
}

// page is where a browser is after it has followed redirects.
type page struct {
	address *url.URL
	status  int
	body    string
}

// open goes to an address, or sends a form there, and follows redirects until the provider shows a page or the gateway answers.
func (v *visitor) open(address string, form url.Values) page {
	v.Helper()
	for range 20 {
		target, err := url.Parse(address)
		if err != nil {
			v.Fatal(err)
		}
		if target.Host == v.gateway {
			target.Scheme = "https"
		}
		request, err := http.NewRequestWithContext(v.Context(), http.MethodGet, target.String(), nil)
		if form != nil {
			request, err = http.NewRequestWithContext(v.Context(), http.MethodPost, target.String(), strings.NewReader(form.Encode()))
		}
		if err != nil {
			v.Fatal(err)
		}
		if form != nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := v.client.Do(request)
		if err != nil {
			v.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			v.Fatal(err)
		}
		location, err := response.Location()
		if err != nil {
			return page{target, response.StatusCode, string(body)}
		}
		address, form = location.String(), nil
	}
	v.Fatal("the redirects have no end")
	return page{}
}

// path returns an address at the gateway.
func (v *visitor) path(path string) string { return "https://" + v.gateway + path }

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	abortLink  = regexp.MustCompile(`href="([^"]+/abort)"`)
)

// submit sends the form of the page, with more fields.
func (v *visitor) submit(on page, more url.Values) page {
	v.Helper()
	action := formAction.FindStringSubmatch(on.body)
	if action == nil {
		v.Fatalf("there is no form at %s: status %d\n%s", on.address.Path, on.status, on.body)
	}
	fields := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(on.body, -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	for name, values := range more {
		fields[name] = values
	}
	target, err := on.address.Parse(html.UnescapeString(action[1]))
	if err != nil {
		v.Fatal(err)
	}
	return v.open(target.String(), fields)
}

// signIn enters the name on the provider's page, and agrees to what it asks after that.
func (v *visitor) signIn(on page, user string) page {
	v.Helper()
	if strings.Contains(on.body, `name="login"`) {
		on = v.submit(on, url.Values{"login": {user}, "password": {"any"}})
	}
	for on.address.Host != v.gateway {
		on = v.submit(on, nil)
	}
	return on
}

func (v *visitor) expect(on page, status int, want string) {
	v.Helper()
	if on.address.Host != v.gateway || on.status != status || !strings.Contains(on.body, want) {
		v.Errorf("at %s: status %d, %q; want %d, %q", on.address, on.status, on.body, status, want)
	}
}

// Users sign in at a provider that nobody here wrote, with a secret in the form, without one and with a key; in three tabs; they
// change their mind; and they sign out here and there.
func TestOpenIDProvider(t *testing.T) {
	t.Parallel()
	file, public := newClientKey(t)
	app := startApplication(t, "oidc-provider", "CLIENT_KEYS="+public)
	text, err := os.ReadFile(filepath.Join("oidc-provider", "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	const before = "\tjwt_session oidc {"
	withKey := "\tjwt_session_callback oidc {\n\t\tissuer http://{$APP_ADDRESS}\n\t\tclient_id key\n\t\tclient_key file " + file +
		"\n\t\tstart /key/login\n\t\tfinish /key/callback\n\t}\n\n"
	caddyfile := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(caddyfile, []byte(strings.Replace(string(text), before, withKey+before, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := startGatewayWith(t, "oidc-provider", caddyfile, app).address
	for client, user := range map[string]string{"post": "alice@example.org", "public": "alice", "key": "alice"} {
		t.Run(client, func(t *testing.T) {
			v := newVisitor(t, gateway)
			on := v.signIn(v.open(v.path("/"+client+"/login?return=/cart"), nil), "alice")
			v.expect(on, http.StatusOK, "user="+user+" path=/cart")
		})
	}
	t.Run("three tabs", func(t *testing.T) { testThreeTabs(newVisitor(t, gateway)) })
	t.Run("cancelled", func(t *testing.T) { testCancelled(newVisitor(t, gateway)) })
	t.Run("signed out", func(t *testing.T) { testSignedOut(newVisitor(t, gateway)) })
}

// newClientKey returns the file with a new private key of the provider's client "key", and its public half for the provider.
func newClientKey(t *testing.T) (file, public string) {
	t.Helper()
	key, der, err := validator.GenerateKey(validator.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := set.PublicJWKS()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, string(jwks)
}

func testThreeTabs(v *visitor) {
	var tabs []page
	pages := []string{"/one", "/two", "/three"}
	for _, path := range pages {
		tabs = append(tabs, v.open(v.path("/post/login?return="+path), nil))
	}
	for i, path := range pages {
		v.expect(v.signIn(tabs[i], "alice"), http.StatusOK, "user=alice@example.org path="+path)
	}
}

func testCancelled(v *visitor) {
	on := v.open(v.path("/post/login?return=/cart"), nil)
	abort := abortLink.FindStringSubmatch(on.body)
	if abort == nil {
		v.Fatalf("the provider's page has no way to cancel\n%s", on.body)
	}
	target, err := on.address.Parse(abort[1])
	if err != nil {
		v.Fatal(err)
	}
	on = v.open(target.String(), nil)
	v.expect(on, http.StatusBadRequest, "the sign-in was cancelled")
	again := regexp.MustCompile(`href="(/post/login[^"]*)"`).FindStringSubmatch(on.body)
	if again == nil {
		v.Fatalf("there is no way to begin again: %s", on.body)
	}
	v.expect(v.signIn(v.open(v.path(html.UnescapeString(again[1])), nil), "alice"), http.StatusOK, "user=alice@example.org path=/cart")
}

func testSignedOut(v *visitor) {
	v.signIn(v.open(v.path("/post/login"), nil), "alice")
	v.expect(v.open(v.path("/page"), nil), http.StatusOK, "user=alice@example.org")
	on := v.open(v.path("/logout"), url.Values{})
	if on.address.Host == v.gateway {
		v.Fatalf("the provider was not asked: status %d at %s", on.status, on.address)
	}
	on = v.submit(on, url.Values{"logout": {"yes"}})
	v.expect(on, http.StatusOK, "user={http.auth.user.id} path=/bye") // nobody
	if again := v.open(v.path("/post/login"), nil); !strings.Contains(again.body, `name="login"`) {
		v.Errorf("the user is still signed in at the provider: status %d at %s", again.status, again.address)
	}
}
