package shop

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testclock"
)

// browser drives a shop over HTTP as a browser does, without following redirects.
type browser struct {
	t      *testing.T
	base   *url.URL
	client *http.Client
	header http.Header // sent with every request
}

func open(t *testing.T) (*httptest.Server, *testclock.Clock) {
	t.Helper()
	clock := testclock.At(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	server := httptest.NewServer(New(clock.Now, new(page.Trail)))
	t.Cleanup(server.Close)
	return server, clock
}

func newBrowser(t *testing.T, server *httptest.Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, base, &http.Client{Jar: jar, CheckRedirect: stay}, http.Header{}}
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.base.String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header = b.header.Clone()
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response, string(body)}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

// post sends a form with the token of the session's own pages.
func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{"csrf": {b.csrf()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) csrf() string {
	b.t.Helper()
	match := csrfField.FindStringSubmatch(b.get("/login").body)
	if match == nil {
		b.t.Fatal("no csrf token on the sign-in page")
	}
	return html.UnescapeString(match[1])
}

func (b *browser) signIn(name string) answer {
	b.t.Helper()
	return b.post("/login", "user", name, "password", name+"-pass-1", "next", "/account")
}

// session returns the session cookie's value, empty where there is none.
func (b *browser) session() string {
	for _, cookie := range b.client.Jar.Cookies(b.base) {
		if cookie.Name == CookieName {
			return cookie.Value
		}
	}
	return ""
}

// whoami returns the answer's user, empty for null.
func (b *browser) whoami() string {
	b.t.Helper()
	var answer struct {
		User *string
		Role string
	}
	response := b.get(WhoamiPath)
	if err := json.Unmarshal([]byte(response.body), &answer); err != nil {
		b.t.Fatalf("whoami answered %q: %v", response.body, err)
	}
	if cookies := response.Cookies(); len(cookies) > 0 {
		b.t.Errorf("whoami sets cookies: %v", cookies)
	}
	if answer.User == nil {
		return ""
	}
	return *answer.User
}

func TestSignInRotatesTheSession(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.get("/")
	before := b.session()
	if before == "" || b.whoami() != "" {
		t.Fatalf("before sign-in: session %t, user %q; want an anonymous session", before != "", b.whoami())
	}
	response := b.signIn("alice")
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/account" {
		t.Fatalf("sign-in answered %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	if b.session() == before {
		t.Error("the session id is the same after sign-in")
	}
	if user := b.whoami(); user != "alice" {
		t.Errorf("whoami says %q, want alice", user)
	}
	if account := b.get("/account"); account.StatusCode != http.StatusOK || !strings.Contains(account.body, "<b>alice</b>, customer") {
		t.Errorf("the account page answered %d without the user", account.StatusCode)
	}
	stale := newBrowser(t, server)
	stale.header.Set("Cookie", CookieName+"="+before)
	if user := stale.whoami(); user != "" {
		t.Errorf("the id from before sign-in is %q now", user)
	}
}

func TestWhoamiAnswersJSON(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	if got := b.get(WhoamiPath).body; got != `{"user":null}`+"\n" {
		t.Errorf("nobody: %q", got)
	}
	b.signIn("bob")
	if got := b.get(WhoamiPath).body; got != `{"user":"bob","role":"staff"}`+"\n" {
		t.Errorf("bob: %q", got)
	}
}

func TestSignOutDeletesTheCookie(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.signIn("alice")
	signedIn := b.session()
	response := b.post("/logout")
	if response.StatusCode != http.StatusSeeOther || b.session() != "" {
		t.Errorf("sign-out answered %d, session cookie left: %t", response.StatusCode, b.session() != "")
	}
	replay := newBrowser(t, server)
	replay.header.Set("Cookie", CookieName+"="+signedIn)
	if user := replay.whoami(); user != "" {
		t.Errorf("the signed-out id is still %q", user)
	}
}

func TestWrongPassword(t *testing.T) {
	server, _ := open(t)
	for _, name := range []string{"alice", "mallory", ""} {
		b := newBrowser(t, server)
		response := b.post("/login", "user", name, "password", "wrong")
		if response.StatusCode != http.StatusForbidden || b.whoami() != "" {
			t.Errorf("user %q: %d, whoami %q", name, response.StatusCode, b.whoami())
		}
		if !strings.Contains(response.body, `role="alert"`) {
			t.Errorf("user %q: the page does not say that it was wrong", name)
		}
	}
}

func TestFormsNeedTheTokenOfTheirSession(t *testing.T) {
	server, _ := open(t)
	other := newBrowser(t, server).csrf()
	for name, csrf := range map[string]string{"none": "", "invented": "AAAA", "another session's": other} {
		for _, path := range []string{"/login", "/cart", "/logout"} {
			b := newBrowser(t, server)
			b.signIn("alice")
			form := url.Values{"csrf": {csrf}, "user": {"bob"}, "password": {"bob-pass-1"}, "product": {"assam"}}
			if response := b.do(http.MethodPost, path, form); response.StatusCode != http.StatusForbidden {
				t.Errorf("%s token to %s: %d, want 403", name, path, response.StatusCode)
			}
			if user := b.whoami(); user != "alice" {
				t.Errorf("%s token to %s: user is %q afterwards", name, path, user)
			}
		}
	}
	withoutSession := newBrowser(t, server)
	if got := withoutSession.do(http.MethodPost, "/login", url.Values{"csrf": {""}}).StatusCode; got != http.StatusForbidden {
		t.Errorf("no session and an empty token: %d, want 403", got)
	}
}

func TestAnUnknownIDBecomesNoSession(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.header.Set("Cookie", CookieName+"=chosen-by-a-stranger")
	response := b.get("/")
	cookies := response.Cookies()
	if len(cookies) != 1 || cookies[0].Name != CookieName || cookies[0].Value == "chosen-by-a-stranger" {
		t.Errorf("an unknown id is answered with %v, want a new session", cookies)
	}
}

func TestSessionsIdleOut(t *testing.T) {
	server, clock := open(t)
	b := newBrowser(t, server)
	b.signIn("alice")
	clock.Advance(idleTimeout - time.Second)
	if user := b.whoami(); user != "alice" {
		t.Errorf("just before the time-out: %q", user)
	}
	clock.Advance(idleTimeout - time.Second)
	if user := b.whoami(); user != "alice" {
		t.Errorf("the clock was not moved by a request: %q", user)
	}
	clock.Advance(idleTimeout)
	if user := b.whoami(); user != "" {
		t.Errorf("after the time-out: %q", user)
	}
}

func TestIdleSessionsAreForgotten(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var kept sessions
	for range 5 {
		kept.open(now)
	}
	kept.open(now.Add(idleTimeout))
	if got := len(kept.byID); got != 1 {
		t.Errorf("%d sessions are kept, want the new one", got)
	}
}

func TestCart(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.post("/cart", "product", "assam")
	b.post("/cart", "product", "assam")
	b.signIn("alice")
	if page := b.get("/cart").body; !strings.Contains(page, "<td>2</td><td>€13.80</td>") {
		t.Error("the cart from before sign-in is not there after it")
	}
	b.signIn("bob")
	if page := b.get("/cart").body; strings.Contains(page, "€13.80") {
		t.Error("bob has alice's cart")
	}
	b.post("/cart", "product", "sencha")
	if response := b.post("/cart", "product", "sencha", "change", "remove", "next", "/cart"); response.Header.Get("Location") != "/cart" {
		t.Errorf("a change leads to %q, want /cart", response.Header.Get("Location"))
	}
	if page := b.get("/cart").body; !strings.Contains(page, "Nothing in it yet") {
		t.Error("the cart is not empty after removing")
	}
	if got := b.post("/cart", "product", "coffee").StatusCode; got != http.StatusNotFound {
		t.Errorf("an unknown product: %d, want 404", got)
	}
}

func TestAccountNeedsSignIn(t *testing.T) {
	server, _ := open(t)
	response := newBrowser(t, server).get("/account")
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/login?next=/account" {
		t.Errorf("answered %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
}

func TestLoginSendsOnWhoIsSignedIn(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	if got := b.get("/login?next=/points/").StatusCode; got != http.StatusOK {
		t.Errorf("a visitor who is not signed in: %d", got)
	}
	b.signIn("alice")
	for next, want := range map[string]string{"/points/": "/points/", "//evil.example": "/"} {
		if got := b.get("/login?next=" + next); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
			t.Errorf("%s leads to %q with %d, want %q", next, got.Header.Get("Location"), got.StatusCode, want)
		}
	}
	if got := b.get("/login").StatusCode; got != http.StatusOK {
		t.Errorf("the form itself: %d", got)
	}
}

func TestNextStaysOnThisSite(t *testing.T) {
	for text, want := range map[string]string{
		"/account": "/account", "/cart?x=1": "/cart?x=1", "": "/", "account": "/", "//evil.example": "/",
		`/\evil.example`: "/", "https://evil.example/": "/", "/a\r\nSet-Cookie: x": "/", "/a\x7f": "/", "/a\tb": "/",
	} {
		if got := localPath(text); got != want {
			t.Errorf("localPath(%q) = %q, want %q", text, got, want)
		}
	}
	server, _ := open(t)
	page := newBrowser(t, server).get("/login?next=//evil.example").body
	if strings.Contains(page, "evil.example") {
		t.Error("the sign-in form leads to another site")
	}
}

func TestThePageShowsWhatItReceived(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.signIn("alice")
	b.header = http.Header{page.UserHeader: {"alice"}, page.RoleHeader: {"customer"}, page.ViaHeader: {"token"}, "X-Other": {"<b>bold</b>"}}
	page := b.get("/account").body
	for _, want := range []string{
		`<td>alice</td>`, `<td>customer</td>`, `class="via token">token`, `&lt;b&gt;bold&lt;/b&gt;`, `05:06:07`, `GET /account`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, b.session()) {
		t.Error("the page holds the whole session id")
	}
	text := b.get("/received").body
	want := "Cookie: session=" + b.session()[:6] + "…\nOurApp-User-ID: alice\nOurApp-User-Role: customer\nX-Gateway-Via: token\n"
	if text != want {
		t.Errorf("/received answers\n%s\nwant\n%s", text, want)
	}
}

func TestHeadersDecideNothing(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	b.header.Set(page.UserHeader, "alice")
	if user := b.whoami(); user != "" {
		t.Errorf("a header signs in %q", user)
	}
	b.header.Set(page.ViaHeader, "<script>")
	if page := b.get("/").body; strings.Contains(page, "<script>") || !strings.Contains(page, `class="via none">direct`) {
		t.Error("an unknown way is shown as it came")
	}
}

func TestTrailShowsTheLastTen(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	for _, path := range []string{"/a<i>", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/favicon.ico", WhoamiPath} {
		b.get(path)
	}
	page := b.get("/").body
	if rows := strings.Count(page, "<td>05:06:07</td>"); rows != 10 {
		t.Errorf("%d rows, want 10", rows)
	}
	if strings.Contains(page, "/a<i>") || strings.Contains(page, "favicon") {
		t.Error("a row that should have gone, or an icon, is shown")
	}
	if !strings.Contains(page, "GET /b</td>") || !strings.Contains(page, "the gateway asks") {
		t.Error("a row is missing")
	}
}

func TestPagesAreNotStored(t *testing.T) {
	server, _ := open(t)
	b := newBrowser(t, server)
	for _, path := range []string{"/", "/login", "/cart", "/account", "/received", "/nowhere", WhoamiPath} {
		if got := b.get(path).Header.Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("%s: Cache-Control is %q", path, got)
		}
	}
	if got := b.get("/nowhere").StatusCode; got != http.StatusNotFound {
		t.Errorf("an unknown page answers %d", got)
	}
	if page := b.get("/").body; strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

// Two browsers use the shop at once; the race detector watches.
func TestConcurrentVisitors(t *testing.T) {
	server, _ := open(t)
	var visitors sync.WaitGroup
	for _, name := range []string{"alice", "bob", "alice", "bob"} {
		b := newBrowser(t, server)
		visitors.Go(func() {
			for range 5 {
				b.signIn(name)
				b.post("/cart", "product", "assam")
				if user := b.whoami(); user != name {
					t.Errorf("whoami says %q, want %q", user, name)
				}
				b.post("/logout")
			}
		})
	}
	visitors.Wait()
}
