package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch/browsertest"
)

// tab is one page in a browser profile of its own: a person at another computer, to the sites.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // the gateway's address, with the scheme

	mu       sync.Mutex
	statuses []string // "method status path" of all responses
	sockets  []string // errors of WebSockets
}

func newTab(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	opened := &tab{t: t, ctx: ctx, base: base}
	methods := map[network.RequestID]string{} // used by the listener alone
	err := chromedp.Listen(ctx, func(event any) {
		opened.mu.Lock()
		defer opened.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			methods[event.RequestID] = event.Request.Method
		case *network.EventResponseReceived:
			if at, err := url.Parse(event.Response.URL); err == nil {
				opened.statuses = append(opened.statuses, fmt.Sprintf("%s %d %s", methods[event.RequestID], event.Response.Status, at.Path))
			}
		case *network.EventWebSocketFrameError:
			opened.sockets = append(opened.sockets, event.ErrorMessage)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return opened
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(path string)      { b.t.Helper(); b.do(chromedp.Navigate(b.base + path)) }
func (b *tab) click(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }

// evaluate returns the text that a script results in.
func (b *tab) evaluate(script string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// until waits for the page to be as the script says. A page that is on its way to the next one has no answer.
func (b *tab) until(what, script string) {
	b.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	for {
		if holds, err := chromedp.Run(deadline, chromedp.Evaluate[bool]("Boolean("+script+")")); err == nil && holds {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.Done():
			page, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
			b.t.Fatalf("%s: not seen; the page is (%v)\n%s", what, err, page)
		}
	}
}

// untilText waits for an element to hold the text.
func (b *tab) untilText(selector, want string) {
	b.t.Helper()
	b.until(selector+" says "+want, fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q)", selector, want))
}

func (b *tab) untilUser(user string) {
	b.t.Helper()
	b.until("signed in: "+user, fmt.Sprintf("document.readyState === 'complete' && document.getElementById('counter')?.dataset.user === %q", user))
}

// cookies returns those that the browser would send to the gateway.
func (b *tab) cookies() map[string]*network.Cookie {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.base + "/"}})
	if err != nil {
		b.t.Fatal(err)
	}
	named := map[string]*network.Cookie{}
	for _, cookie := range got.Cookies {
		named[cookie.Name] = cookie
	}
	return named
}

func (b *tab) setAccessToken(value string) {
	b.t.Helper()
	yes := true
	_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{
		Name: "access_token", Value: value, URL: b.base + "/", Secure: &yes, HTTPOnly: &yes, SameSite: network.CookieSameSiteLax,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// untilStatus waits for a response, "method status path".
func (b *tab) untilStatus(want string) {
	b.t.Helper()
	b.observe("the response "+want, func() bool { return slices.Contains(b.statuses, want) })
}

func (b *tab) observe(what string, seen func() bool) {
	b.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		done, statuses, sockets := seen(), slices.Clone(b.statuses), slices.Clone(b.sockets)
		b.mu.Unlock()
		if done {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			b.t.Fatalf("%s: not seen; responses %q, WebSocket errors %q", what, statuses, sockets)
		}
	}
}

// forget drops the responses seen so far.
func (b *tab) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.statuses, b.sockets = nil, nil
}

// signIn signs in at the identity provider, from the counter's page.
func (b *tab) signIn(start, user, provider string) {
	b.t.Helper()
	b.open("/counter/")
	b.click(`a[href="` + start + `"]`)
	b.until("the identity provider's page", fmt.Sprintf("location.host === %q && document.querySelector('[name=password]')", provider))
	b.typeIn(user)
	b.click("form button")
	b.untilUser(user)
}

// signInToShop fills in the shop's own form, which must be on the page.
func (b *tab) signInToShop(user string) {
	b.t.Helper()
	b.typeIn(user)
	b.click(".card button")
	b.until("signed in", "location.pathname !== '/login' && document.readyState === 'complete'")
}

func (b *tab) typeIn(user string) {
	b.t.Helper()
	b.do(
		chromedp.SendKeys(chromedp.CSS(`[name="user"]`), user),
		chromedp.SendKeys(chromedp.CSS(`[name="password"]`), user+"-pass-1"),
	)
}

// testBrowser is the whole visit in a real browser.
func testBrowser(t *testing.T, example running, clock *movedClock, dir string) {
	browser := browsertest.Start(t, dir)
	base := "http://" + example.visit
	provider := example.services.provider.Address
	if host, _, _ := strings.Cut(provider, ":"); strings.HasPrefix(example.visit, host) {
		t.Fatalf("provider %s and shop %s are one site to the browser", provider, example.visit)
	}
	t.Run("code flow", func(t *testing.T) { testCodeFlow(t, newTab(t, browser, base), provider) })
	t.Run("form_post", func(t *testing.T) { testFormPost(t, newTab(t, browser, base), provider) })
	t.Run("tampered cart", func(t *testing.T) { testTamperedCart(t, newTab(t, browser, base)) })
	t.Run("access tokens", func(t *testing.T) { testAccessTokens(t, newTab(t, browser, base), example, clock) })
	t.Run("points", func(t *testing.T) { testPoints(t, newTab(t, browser, base)) })
	t.Run("cross-site", func(t *testing.T) { testCrossSite(t, newTab(t, browser, base), provider) })
	t.Run("sign out everywhere", func(t *testing.T) {
		testSignOutEverywhere(t, newTab(t, browser, base), newTab(t, browser, base), provider)
	})
	t.Run("provider down", func(t *testing.T) { testProviderDown(t, newTab(t, browser, base), example) })
}

func testCodeFlow(t *testing.T, b *tab, provider string) {
	b.open("/counter/")
	b.click(`[data-add="assam"]`)
	b.untilText("#lines", "1 × Assam")
	b.click(`[data-add="assam"]`)
	b.untilText("#lines", "2 × Assam")
	b.click("#order")
	b.untilText("#message", "Sign in to order.")

	b.signIn("/counter/login", "alice", provider)
	b.untilText("#lines", "2 × Assam") // signed while nobody was signed in, and kept
	b.untilText("#id-token", "Alice Adams")
	b.untilText(".who", "Alice Adams") // an attribute of the session, from the ID token
	b.untilText("#live", "connected")
	cookies := b.cookies()
	for name, httpOnly := range map[string]bool{"counter_session": true, "access_token": true, "id_token": false, "cart": false} {
		if cookie := cookies[name]; cookie == nil || cookie.HTTPOnly != httpOnly || cookie.SameSite != network.CookieSameSiteLax {
			t.Errorf("the cookie %s is there: %t; want one with HttpOnly %t and Lax", name, cookie != nil, httpOnly)
		}
	}
	for name := range cookies {
		if strings.HasPrefix(name, "__Host-jwt_session_state") {
			t.Error("the state of the sign-in is left")
		}
	}

	b.click("#order")
	b.untilText("#message", "Ordered for alice: 2 for €13.80")
	b.until("an empty cart", "!document.getElementById('empty').hidden && document.getElementById('order').disabled")
	b.untilText("#trail", "POST /counter/api/order")
	b.until("the order's path", "document.querySelector('#trail tr .via.issuer')")

	b.open("/counter/")
	b.untilText(".lead .via", "token")
	kept := b.cookies()["access_token"].Value
	b.click(`form[action="/counter/logout"] button`)
	b.untilUser("")
	left := b.cookies()
	for _, name := range []string{"counter_session", "access_token", "id_token", "cart", "jwt_counter"} {
		if left[name] != nil {
			t.Errorf("after sign-out the browser still has %s", name)
		}
	}
	b.setAccessToken(kept) // has ended with the session, whoever has a copy
	b.click(`[data-add="assam"]`)
	b.untilText("#lines", "1 × Assam")
	b.click("#order")
	b.untilText("#message", "Sign in to order.")
	b.evaluate(`document.cookie = "cart=; Max-Age=0; path=/"`)
}

func testFormPost(t *testing.T, b *tab, provider string) {
	b.signIn("/counter/login/form", "bob", provider)
	b.untilStatus("GET 200 /counter/")
	b.untilText("#id-token", "Bob Brown")
	b.click(`[data-add="sencha"]`)
	b.untilText("#lines", "1 × Sencha")
	b.click("#order")
	b.untilText("#message", "Ordered for bob: 1 for €11.50")
}

// A cart that somebody wrote himself is an empty cart to the service and to the page, and no error.
func testTamperedCart(t *testing.T, b *tab) {
	b.open("/counter/")
	b.click(`[data-add="rooibos"]`)
	b.untilText("#lines", "1 × Rooibos")
	b.evaluate(`(() => {
		const [header, , signature] = document.cookie.split("; ").find((pair) => pair.startsWith("cart=")).slice(5).split(".");
		const forged = JSON.stringify({ ...claims(cookie("cart")), items: { lapsang: 50 } });
		document.cookie = "cart=" + [header, btoa(forged).replace(/=+$/, "").replace(/\+/g, "-").replace(/\//g, "_"), signature].join(".") + "; path=/";
		return document.cookie;
	})()`)
	if got := b.evaluate(`JSON.stringify(claims(cookie("cart")).items)`); got != `{"lapsang":50}` {
		t.Fatalf("the cart was not forged: %s", got)
	}
	b.forget()
	b.open("/counter/")
	b.until("an empty cart", "document.readyState === 'complete' && !document.getElementById('empty').hidden && !cookie('cart')")
	b.untilStatus("GET 200 /counter/")
	b.click(`[data-add="rooibos"]`)
	b.untilText("#lines", "1 × Rooibos") // and not two: the forged one was the first
}

// An access token that has expired, or is for another service, is worth nothing, and costs the cart nothing.
func testAccessTokens(t *testing.T, b *tab, example running, clock *movedClock) {
	provider := example.services.provider.Address
	b.signIn("/counter/login", "alice", provider)
	b.click(`[data-add="assam"]`)
	b.untilText("#lines", "1 × Assam")
	good := b.cookies()["access_token"].Value

	clock.move(-time.Hour)
	expired := accessToken(t, example, "counter", "alice")
	clock.move(time.Hour)
	for name, token := range map[string]string{"expired": expired, "another audience": accessToken(t, example, "warehouse", "alice")} {
		b.forget()
		b.setAccessToken(token)
		b.click("#order")
		b.untilStatus("POST 403 /counter/api/order")
		b.untilText("#message", "Your access token is missing, has expired, or is not for this shop.")
		if lines := b.evaluate("document.getElementById('lines').textContent"); !strings.Contains(lines, "1 × Assam") {
			t.Errorf("%s: the cart is %q", name, lines)
		}
	}
	b.setAccessToken(good)
	b.click("#order")
	b.untilText("#message", "Ordered for alice")
}

// Whoever is signed in to the shop is known to the service that has no sessions.
func testPoints(t *testing.T, b *tab) {
	b.open("/points/")
	b.until("the shop's sign-in page", "location.pathname === '/login'")
	b.signInToShop("alice")
	b.untilText("#points", "240") // by way of the sign-in page, which brought the token
	b.untilText(".lead .via", "token")
	if cookie := b.evaluate("document.querySelector('.headers td').textContent"); cookie != "not there" {
		t.Errorf("the service received the cookies %s", cookie)
	}
	b.open("/account")
	b.untilText(".lead .via", "token")
}

// A page of another site makes the browser post to the shop and open a WebSocket to it. Both reach the gateway, and neither
// the service.
func testCrossSite(t *testing.T, b *tab, provider string) {
	b.signIn("/counter/login", "alice", provider)
	b.untilText("#live", "connected") // a page of the shop's own may
	cart := b.cookies()["cart"]
	host, _, _ := strings.Cut(provider, ":")
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Win a kettle</title>
<form id="form" method="post" action="%[1]s/counter/logout" enctype="text/plain"><input name="a" value="b"></form>
<script>
fetch("%[1]s/counter/api/cart", { method: "POST", mode: "no-cors", credentials: "include", body: '{"product":"lapsang","count":9}' })
  .finally(() => { document.title = "posted"; });
const socket = new WebSocket("%[2]s/counter/live");
socket.onopen = () => { document.title = "connected"; };
</script>`, b.base, strings.Replace(b.base, "http", "ws", 1))
	}))
	defer evil.Close()
	at, err := url.Parse(evil.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.forget()
	b.do(chromedp.Navigate("http://" + host + ":" + at.Port() + "/"))
	b.untilStatus("POST 403 /counter/api/cart")
	b.observe("the refused WebSocket", func() bool {
		return slices.ContainsFunc(b.sockets, func(message string) bool { return strings.Contains(message, "403") })
	})
	if title := b.evaluate("document.title"); title == "connected" {
		t.Error("the page of another site has a WebSocket to the shop")
	}
	b.forget()
	b.evaluate(`document.getElementById("form").submit(), ""`)
	b.untilStatus("POST 403 /counter/logout")
	b.open("/counter/")
	b.untilUser("alice") // still
	if now := b.cookies()["cart"]; (now == nil) != (cart == nil) {
		t.Error("the cart changed")
	}
}

// One browser signs out everywhere: the other one is told, and nothing that it has counts any more, neither at the counter
// nor in the shop.
func testSignOutEverywhere(t *testing.T, here, there *tab, provider string) {
	here.signIn("/counter/login", "alice", provider)
	here.untilText("#live", "connected")
	there.open("/login?next=/account")
	there.signInToShop("alice")
	there.untilText(".card", "Signed in as alice")
	there.signIn("/counter/login/form", "alice", provider)
	there.untilText("#live", "connected")

	here.click(`form[action="/counter/logout/everywhere"] button`)
	here.untilUser("")
	there.untilText("#live", "disconnected") // its WebSocket was closed
	there.click(`[data-add="assam"]`)
	there.untilText("#lines", "1 × Assam") // an empty cart can't be ordered
	there.click("#order")
	there.untilText("#message", "Sign in to order.") // the access token is over too
	there.open("/counter/")
	there.untilUser("")
	there.open("/account")
	there.until("the shop's sign-in page", "location.pathname === '/login'")

	there.signInToShop("alice") // as often as she likes
	there.untilText(".card", "Signed in as alice")
	here.signIn("/counter/login", "alice", provider)
}

// Without the identity provider nobody new comes in, and those who have a token order on.
func testProviderDown(t *testing.T, b *tab, example running) {
	b.signIn("/counter/login", "bob", example.services.provider.Address)
	b.click(`[data-add="assam"]`)
	b.untilText("#lines", "1 × Assam")
	example.services.provider.Close()
	if _, err := http.Get("http://" + example.services.provider.Address + "/"); err == nil {
		t.Fatal("the identity provider is still there")
	}
	b.click("#order")
	b.untilText("#message", "Ordered for bob")
}

// movedClock is the time, moved by a test.
type movedClock struct {
	mu sync.Mutex
	by time.Duration
}

// Now is the clock's time.
func (c *movedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *movedClock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}
