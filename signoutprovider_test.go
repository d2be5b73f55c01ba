package jwtsession_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
)

// endSession is what providers that can sign users out say.
func (p *shapedProvider) endsSessions() *shapedProvider {
	p.metadata = map[string]any{"end_session_endpoint": p.url + "/logout?tenant=7"}
	return p
}

// fromHere is what browsers say of a link on a page of this site.
const fromHere = "Sec-Fetch-Site: same-origin"

// In every mode, and with one cookie for both, signing out ends the session, clears what the browser has of it, and leads to
// the provider.
func TestSignOutAtTheProvider(t *testing.T) {
	for name, handler := range map[string]string{
		"mixed": "", "stateful": "mode stateful",
		"one cookie":            "token_in_session_cookie",
		"one cookie, elsewhere": "token_in_session_cookie {\ndomain shop.example\npath /\n}",
		"encrypted":             "token_encrypt", "named": "token_cookie ticket {\nsecure always\n}",
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			t.Run(name+"/"+method, func(t *testing.T) {
				idp := newShapedProvider(t).endsSessions()
				g := newShapedGateway(t, idp, withSecret+"id_token_cookie id_token\nsign_out /auth/logout\nsigned_out /bye?a=b", handler, "")
				b := g.visitor()
				g.signIn(b, "/auth/login", "alice")
				g.start(b, "/auth/login") // another tab
				b.Get("/page")
				if got := b.Get("/page").Received.User(t); got != "alice" {
					t.Fatalf("before: %q", got)
				}
				idToken, other := b.Cookies["id_token"], g.visitor()
				for name, value := range b.Cookies {
					other.Cookies[name] = value
				}
				result := b.Do(method, "/auth/logout", fromHere)
				location, err := result.Location()
				if err != nil || result.StatusCode != http.StatusSeeOther {
					t.Fatalf("status %d, %v", result.StatusCode, err)
				}
				query := location.Query()
				if !strings.HasPrefix(location.String(), idp.url+"/logout?") || query.Get("id_token_hint") != idToken || query.Has("client_id") ||
					query.Get("post_logout_redirect_uri") != "https://shop.example/bye?a=b" || len(query.Get("state")) != 43 ||
					query.Get("tenant") != "7" {
					t.Errorf("the provider is asked %v", query)
				}
				if len(b.Cookies) > 0 {
					t.Errorf("the browser keeps %v", names(b.Cookies))
				}
				if got := other.Get("/page").Received.User(t); got != "" {
					t.Errorf("the session is still %q's", got)
				}
				if g.RecordsOf("alice") != 0 {
					t.Error("the session is still in the store")
				}
			})
		}
	}
}

// Providers have parameters of their own. One of them may have its own name for where the user goes afterwards, as Amazon Cognito
// has: then it gets that in the place of the standard's.
func TestSignOutParameters(t *testing.T) {
	const back, address = "{http.jwt_session.signed_out}", "https://shop.example/bye?a=b&c={x}"
	for name, test := range map[string]struct {
		options string
		want    url.Values // besides state; "the ID token" stands for it
	}{
		"one more": {"sign_out_parameter ui_locales \"de & fr\"", url.Values{
			"client_id": {"shop"}, "post_logout_redirect_uri": {address}, "ui_locales": {"de & fr"}, "tenant": {"7"}, "state": {"a state"},
		}},
		"with the ID token": {"id_token_cookie id_token\nsign_out_parameter logout_hint x", url.Values{
			"id_token_hint": {"the ID token"}, "post_logout_redirect_uri": {address}, "logout_hint": {"x"}, "tenant": {"7"}, "state": {"a state"},
		}},
		"its own name": {"sign_out_parameter logout_uri " + back, url.Values{
			"client_id": {"shop"}, "logout_uri": {address}, "tenant": {"7"},
		}},
		"its own name, with an ID token": {"id_token_cookie id_token\nsign_out_parameter returnTo " + back + "\nsign_out_parameter federated yes", url.Values{
			"client_id": {"shop"}, "returnTo": {address}, "federated": {"yes"}, "tenant": {"7"},
		}},
		"a part of the value": {"sign_out_parameter next to:" + back, url.Values{
			"client_id": {"shop"}, "next": {"to:" + address}, "tenant": {"7"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newShapedGateway(t, newShapedProvider(t).endsSessions(), withSecret+
				"sign_out /auth/logout\nsigned_out /bye?a=b&c={x}\n"+test.options, "", "")
			b := g.visitor()
			g.signIn(b, "/auth/login", "alice")
			idToken := b.Cookies["id_token"]
			location, err := b.Do(http.MethodPost, "/auth/logout").Location()
			if err != nil {
				t.Fatal(err)
			}
			got := location.Query()
			if got.Has("state") {
				got.Set("state", "a state")
			}
			if got.Has("id_token_hint") && got.Get("id_token_hint") == idToken && idToken != "" {
				got.Set("id_token_hint", "the ID token")
			}
			if got.Encode() != test.want.Encode() || !strings.HasPrefix(location.String(), g.idp.url+"/logout?") {
				t.Errorf("the provider is asked %v, want %v", got, test.want)
			}
			if g.RecordsOf("alice") != 0 {
				t.Error("the session is still in the store")
			}
		})
	}
}

// Where the token alone counts, it signs out with the session that it is bound to.
func TestSignOutOfAStatelessRoute(t *testing.T) {
	g := newShapedSite(t, newShapedProvider(t), withSecret+"sign_out /auth/logout", migrationSite)
	b := g.visitor()
	g.signIn(b, "/auth/login", "alice")
	b.Get("/page")
	delete(b.Cookies, "session")
	other := g.thief(b)
	if got := other.Get("/new").Received.User(t); got != "alice" {
		t.Fatalf("before: %q", got)
	}
	b.Do(http.MethodPost, "/auth/logout")
	if got := other.Get("/new"); got.Received != nil || len(b.Cookies) > 0 {
		t.Errorf("afterwards: status %d, the browser keeps %v", got.StatusCode, names(b.Cookies))
	}
}

func names(cookies map[string]string) []string {
	var all []string
	for name := range cookies {
		all = append(all, name)
	}
	return all
}

// A token alone, without its session cookie, signs out the session that it is bound to; one that has expired proves nothing.
func TestSignOutByTheTokenAlone(t *testing.T) {
	for late, want := range map[time.Duration]int{0: 0, time.Hour: 1} {
		g := newShapedGateway(t, newShapedProvider(t), withSecret+"sign_out /auth/logout", "session_idle_timeout 2h\ntoken_lifetime 1m", "")
		b := g.visitor()
		g.signIn(b, "/auth/login", "alice")
		b.Get("/page")
		alone := g.visitor()
		alone.Cookies[carrier.HostPrefix+harness.TokenName] = b.Cookies[carrier.HostPrefix+harness.TokenName]
		g.Clock.Advance(late)
		if got := alone.Do(http.MethodPost, "/auth/logout").StatusCode; got != http.StatusSeeOther {
			t.Errorf("status %d", got)
		}
		if got := g.RecordsOf("alice"); got != want {
			t.Errorf("%s late: %d sessions, want %d", late, got, want)
		}
	}
}

// No page of another site signs users out, and neither does an image or what is fetched in advance.
func TestSignOutIsNoOtherSitesWish(t *testing.T) {
	g := newShapedGateway(t, newShapedProvider(t).endsSessions(), withSecret+"sign_out /auth/logout", "", "")
	for _, test := range []struct {
		method string
		lines  []string
		want   int
	}{
		{http.MethodPost, []string{"Sec-Fetch-Site: cross-site"}, http.StatusForbidden},
		{http.MethodPost, []string{"Sec-Fetch-Site: same-site"}, http.StatusForbidden},
		{http.MethodPost, []string{"Origin: https://evil.example"}, http.StatusForbidden},
		{http.MethodPost, []string{"Origin: null"}, http.StatusForbidden},
		{http.MethodPost, []string{"Origin: https://shop.example"}, http.StatusSeeOther},
		{http.MethodPost, []string{fromHere}, http.StatusSeeOther},
		{http.MethodPost, nil, http.StatusSeeOther},
		{http.MethodGet, nil, http.StatusForbidden},
		{http.MethodGet, []string{"Sec-Fetch-Site: cross-site"}, http.StatusForbidden},
		{http.MethodGet, []string{"Sec-Fetch-Site: same-site"}, http.StatusForbidden},
		{http.MethodGet, []string{"Sec-Fetch-Site: cross-site", "Origin: https://shop.example"}, http.StatusForbidden},
		{http.MethodGet, []string{"Origin: https://evil.example"}, http.StatusForbidden},
		{http.MethodGet, []string{"Origin: null"}, http.StatusForbidden},
		{http.MethodGet, []string{"Referer: https://shop.example/page"}, http.StatusForbidden},
		{http.MethodGet, []string{fromHere, "Sec-Fetch-Dest: image"}, http.StatusForbidden},
		{http.MethodGet, []string{fromHere, "Sec-Purpose: prefetch;prerender"}, http.StatusForbidden},
		{http.MethodGet, []string{fromHere, "Sec-Fetch-Dest: document"}, http.StatusSeeOther},
		{http.MethodGet, []string{"Sec-Fetch-Site: none"}, http.StatusSeeOther},
		{http.MethodGet, []string{"Origin: https://shop.example"}, http.StatusSeeOther},
		{http.MethodPut, []string{fromHere}, http.StatusMethodNotAllowed},
		{http.MethodHead, []string{fromHere}, http.StatusMethodNotAllowed},
	} {
		b := g.visitor()
		g.signIn(b, "/auth/login", "alice")
		session := b.Cookies["session"]
		result := b.Do(test.method, "/auth/logout", test.lines...)
		isOut := b.Cookies["session"] == ""
		if result.StatusCode != test.want || isOut != (test.want == http.StatusSeeOther) {
			t.Errorf("%s %v: status %d, want %d; signed out: %v", test.method, test.lines, result.StatusCode, test.want, isOut)
		}
		again := g.visitor()
		again.Cookies["session"] = session
		if got := again.Get("/page").Received.User(t); (got == "") != (test.want == http.StatusSeeOther) {
			t.Errorf("%s %v: afterwards the session is %q's", test.method, test.lines, got)
		}
	}
}

// Where the provider has no page for it, or does not answer, the user goes on to a page here, signed out.
func TestSignOutWithoutTheProvider(t *testing.T) {
	for name, endpoint := range map[string]any{"none": nil, "not https": "http://id.example/logout", "no URL": "::", "a password": "https://a:b@id.example/"} {
		idp := newShapedProvider(t)
		idp.metadata = map[string]any{"end_session_endpoint": endpoint}
		g := newShapedGateway(t, idp, withSecret+"sign_out /auth/logout\nsigned_out /bye", "", "")
		b := g.visitor()
		g.signIn(b, "/auth/login", "alice")
		if got := b.Do(http.MethodPost, "/auth/logout"); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/bye" || g.RecordsOf("alice") != 0 {
			t.Errorf("%s: status %d, location %q", name, got.StatusCode, got.Header.Get("Location"))
		}
	}
	g := newShapedGateway(t, newShapedProvider(t).endsSessions(), withSecret+"sign_out /auth/logout", "", "")
	b := g.visitor() // without an ID token, and without a session
	location, err := b.Do(http.MethodPost, "/auth/logout").Location()
	if err != nil {
		t.Fatal(err)
	}
	if query := location.Query(); query.Get("client_id") != "shop" || query.Has("id_token_hint") ||
		query.Get("post_logout_redirect_uri") != "https://shop.example/" {
		t.Errorf("the provider is asked %v", query)
	}
	// A page that is not configured is the application's own.
	plain := newSignInGateway(t, callback.ResponseCode, "")
	if got := plain.visitor().Post("/auth/logout", url.Values{}); got.Received == nil {
		t.Errorf("without sign_out: status %d", got.StatusCode)
	}
}

// Another realm of the site keeps its session.
func TestSignOutLeavesOtherRealms(t *testing.T) {
	idp := newShapedProvider(t)
	g := newShapedGateway(t, idp, withSecret+"sign_out /auth/logout", "", `jwt_session blog {
		session_cookie blog_session
		whoami /whoami json user
		unauthenticated pass
		identity_header X-Blog-User
	}`)
	b := g.visitor()
	g.signIn(b, "/auth/login", "alice")
	b.Cookies["blog_session"], b.Cookies[carrier.HostPrefix+"jwt_blog"] = "the-session-of-the-blog", "x.y.z"
	b.Do(http.MethodPost, "/auth/logout")
	if b.Cookies["blog_session"] == "" || b.Cookies[carrier.HostPrefix+"jwt_blog"] == "" || b.Cookies["session"] != "" {
		t.Errorf("the browser keeps %v", names(b.Cookies))
	}
	// A token of the other realm, where one of this realm belongs.
	g.MustAdmin("sessions", map[string]any{"realm": "blog", "id": "another-session-of-the-blog", "user": "bob"})
	b.Cookies[carrier.HostPrefix+harness.TokenName] = g.MintWith(g.App.Opened().Keys.Current(), "blog", "bob", "another-session-of-the-blog")
	b.Do(http.MethodPost, "/auth/logout")
	answer := g.MustAdmin("sessions/list", map[string]any{"realm": "blog", "user": "bob", "limit": 10})
	if got := len(answer["sessions"].([]any)); got != 1 {
		t.Errorf("the other realm has %d sessions, want 1", got)
	}
}
