package apps

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway/gatewaytest"
)

// When a real provider signs a user out, the session ends that the gateway opened, and so do those that an unchanged Django opened:
// tokens are dead with the next request, event streams are closed, and the cookies don't reach the application. Other users and
// other devices go on, and the user may sign in again.
func TestOpenIDProviderSignsOut(t *testing.T) {
	address := gatewaytest.FreeAddress(t)
	provider := startApplication(t, "oidc-provider", "SIGN_OUT_URI=http://"+address+"/auth/signout")
	behind := startService(t, startApplication(t, "django-admin", "DJANGO_ADDRESSES=ann@example.test bob@example.org eve@example.org"))
	startGatewayAt(t, "oidc-provider", gateway.Config{
		Caddyfile: filepath.Join("oidc-provider", "signout.Caddyfile"), Listen: address, App: provider,
		Variables: map[string]string{"SERVICE_ADDRESS": behind.address},
	})
	site := signOutSite{gateway: address, provider: provider, behind: behind}
	for name, ann := range map[string]person{
		"by sub":   {"ann@example.test", "ann@example.test"},
		"by email": {"bob", "bob@example.org"},
	} {
		t.Run(name, func(t *testing.T) { site.testSignedOut(t, ann) })
	}
}

// person is somebody's name at the provider and at Django.
type person struct{ subject, address string }

type signOutSite struct {
	gateway, provider string
	behind            *service
}

func (s signOutSite) testSignedOut(t *testing.T, ann person) {
	eve := person{"eve", "eve@example.org"}
	browser, device, another := newVisitor(t, s.gateway), newVisitor(t, s.gateway), newVisitor(t, s.gateway)
	for v, who := range map[*visitor]person{browser: ann, device: ann, another: eve} {
		v.signInTwice(who)
		v.expectTokens(who)
	}
	streams := []*stream{browser.stream("/shop/events"), browser.stream("/blog/events")}
	others := []*stream{another.stream("/shop/events"), another.stream("/blog/events")}
	old := newVisitor(t, s.gateway)
	old.client.Jar.SetCookies(old.origin(), browser.client.Jar.Cookies(browser.origin()))
	old.expectTokens(ann)

	asked := browser.open("http://"+s.provider+"/session/end", nil)
	if done := browser.submit(asked, url.Values{"logout": {"yes"}}); done.status != http.StatusOK {
		t.Fatalf("signing out at the provider: status %d\n%s", done.status, done.body)
	}
	late := time.After(time.Second)
	for _, stream := range streams {
		stream.expectEnd(late)
	}
	// What was signed out is nobody's, and the application does not see its cookie. Copies of it are no better.
	bare := newVisitor(t, s.behind.django.Host)
	bare.client.Jar.SetCookies(bare.origin(), old.client.Jar.Cookies(old.origin()))
	for _, v := range []*visitor{browser, old} {
		v.expectNobody(s.behind)
	}
	bare.expect(bare.open(bare.path("/admin/"), nil), http.StatusOK, "<strong>"+ann.address+"</strong>") // Django knows nothing of it
	// The provider has signed one browser out. The gateway can tell which of its own sessions is that one, and Django's it can't.
	device.expect(device.open(device.path("/shop/api"), nil), http.StatusOK, "user="+ann.subject+" via=token")
	device.expect(device.open(device.path("/blog/api"), nil), http.StatusUnauthorized, "")
	another.expectTokens(eve)
	for _, stream := range others {
		stream.expectOpen()
	}
	if t.Failed() {
		return // who is still signed in can't sign in again
	}

	browser.signInTwice(ann)
	browser.expectTokens(ann)
	old.expectNobody(s.behind)
}

// origin is the gateway as the cookie jar knows it.
func (v *visitor) origin() *url.URL { return &url.URL{Scheme: "https", Host: v.gateway, Path: "/"} }

// signInTwice signs in at the provider, for the gateway's own sessions, and at Django.
func (v *visitor) signInTwice(who person) {
	v.Helper()
	on := v.open(v.path("/told/login?return=/shop/"), nil)
	if !strings.Contains(on.body, `name="login"`) {
		v.Fatalf("the provider does not ask who it is: status %d at %s", on.status, on.address)
	}
	v.expect(v.signIn(on, who.subject), http.StatusOK, "user="+who.subject)
	name, _, _ := strings.Cut(who.address, "@")
	form := v.open(v.path("/admin/login/?next=/admin/"), nil)
	signedIn := v.submit(form, url.Values{"username": {who.address}, "password": {name + "-pass-1"}})
	v.expect(signedIn, http.StatusOK, "<strong>"+who.address+"</strong>")
	v.expect(v.open(v.path("/blog/"), nil), http.StatusOK, "user="+who.address+" sessionid=true")
}

// expectTokens checks that the visitor has a good token in both realms.
func (v *visitor) expectTokens(who person) {
	v.Helper()
	v.expect(v.open(v.path("/shop/api"), nil), http.StatusOK, "user="+who.subject+" via=token")
	v.expect(v.open(v.path("/blog/api"), nil), http.StatusOK, "user="+who.address+" via=token")
}

// expectNobody checks that the visitor has no good token and no session, and that the application does not see a dead one.
func (v *visitor) expectNobody(behind *service) {
	v.Helper()
	v.expect(v.open(v.path("/shop/api"), nil), http.StatusUnauthorized, "")
	v.expect(v.open(v.path("/blog/api"), nil), http.StatusUnauthorized, "")
	v.expect(v.open(v.path("/shop/"), nil), http.StatusOK, "user= ")
	v.expect(v.open(v.path("/blog/"), nil), http.StatusOK, "user= sessionid=false")
	v.expect(v.open(v.path("/admin/"), nil), http.StatusOK, `id="login-form"`)
	if seen := behind.seen("/admin/"); seen == nil || seen.Get("OurApp-User-ID") != "" || hasDjangoSession(seen) {
		v.Errorf("Django sees %v", seen)
	}
}

func hasDjangoSession(header http.Header) bool {
	return strings.Contains(header.Get("Cookie"), "sessionid")
}

// stream is an event stream that was opened.
type stream struct {
	*testing.T

	path  string
	ended chan error
}

// stream opens an event stream and waits for its first event.
func (v *visitor) stream(path string) *stream {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), http.MethodGet, v.path(path), nil)
	if err != nil {
		v.Fatal(err)
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() { _ = response.Body.Close() }) // it may have ended already
	events := bufio.NewReader(response.Body)
	if line, err := events.ReadString('\n'); err != nil || response.StatusCode != http.StatusOK || line == "data: user=\n" {
		v.Fatalf("%s: status %d, %q, %v", path, response.StatusCode, line, err)
	}
	s := &stream{v.T, path, make(chan error, 1)}
	go func() {
		_, err := events.ReadString('.') // there is none
		s.ended <- err
	}()
	return s
}

// expectEnd waits until the stream ends, or until it is late.
func (s *stream) expectEnd(late <-chan time.Time) {
	s.Helper()
	select {
	case err := <-s.ended:
		if err == nil {
			s.Errorf("%s goes on with another event", s.path)
		}
	case <-late:
		s.Errorf("%s is open a second after the provider signed the user out", s.path)
	}
}

func (s *stream) expectOpen() {
	s.Helper()
	select {
	case err := <-s.ended:
		s.Errorf("%s of another user has ended: %v", s.path, err)
	default:
	}
}

// service is what is behind the gateway: Django, and beside it pages of a service that says what it receives.
type service struct {
	address string
	django  *url.URL
	proxy   http.Handler // to Django

	mutex    sync.Mutex
	received map[string]http.Header // of Django, by path: the last
}

func startService(t *testing.T, django string) *service {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: django}
	s := &service{django: target, proxy: httputil.NewSingleHostReverseProxy(target), received: map[string]http.Header{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get("OurApp-User-ID")
	switch {
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: user=%s\n\n", user)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/shop/"), strings.HasPrefix(r.URL.Path, "/blog/"):
		fmt.Fprintf(w, "user=%s sessionid=%t", user, hasDjangoSession(r.Header))
	default:
		s.mutex.Lock()
		s.received[r.URL.Path] = r.Header.Clone()
		s.mutex.Unlock()
		s.proxy.ServeHTTP(w, r)
	}
}

// seen returns what the last request for the path brought to Django.
func (s *service) seen(path string) http.Header {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.received[path]
}
