package jwtsession_test

import (
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/provider"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/testkey"
	"github.com/caddy-jwt-session/caddy-jwt-session/modules/callback"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// signInGateway is a gateway whose users sign in at a provider, over TLS, as the cookies of a sign-in need it.
type signInGateway struct {
	*harness.Gateway

	idp      *identityProvider
	options  harness.Options
	response string
}

// newSignInGateway starts both. They know each other by their addresses, which are there once both listen.
func newSignInGateway(t *testing.T, response, options string) *signInGateway {
	t.Helper()
	return newSignInGatewayWith(t, response, "audience https://api.example\naccess_token_cookie access_token\n"+options, "", "")
}

// newSignInGatewayWith gives the handler of the realm options too, and puts the callback behind a directive such as
// handle_path.
func newSignInGatewayWith(t *testing.T, response, options, handler, behind string) *signInGateway {
	t.Helper()
	g := &signInGateway{idp: new(identityProvider), response: response}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.idp.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		g.idp.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.idp.url = server.URL
	secret := "client_secret shop-secret"
	if response == callback.ResponseFormPost {
		secret = ""
	}
	const redirectURI = "https://shop.example/auth/callback"
	var err error
	g.idp.Provider, err = provider.New(provider.Options{Issuer: server.URL, NewKey: testkey.Maker(t), Clients: []provider.Client{
		{ID: "shop", Secret: "shop-secret", RedirectURI: redirectURI, Audience: "https://api.example"},
		{ID: "other", Secret: "other-secret", RedirectURI: redirectURI, Audience: "https://api.example"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.options = harness.Options{TLS: true, Site: `
		` + block(behind, `jwt_session_callback shop {
			issuer `+server.URL+`
			client_id shop
			`+secret+`
			scope openid profile buy
			response `+response+`
			id_token_cookie id_token
			redirect /welcome
			`+options+`
		}`) + `
		jwt_session shop {
			whoami /whoami json user
			forget_on /logout
			unauthenticated pass
			csrf
			` + handler + `
		}
		request_header X-Via {http.jwt_session.via}
		reverse_proxy LEGACY`}
	g.Gateway = harness.NewWith(t, g.options)
	return g
}

// block puts directives into the block of another, if there is one.
func block(directive, inner string) string {
	if directive == "" {
		return inner
	}
	return directive + " {\n" + inner + "\n}"
}

// visitor returns a browser that knows the gateway by the name that is registered at the provider.
func (g *signInGateway) visitor() *harness.Browser {
	b := g.Browser()
	b.Host = "shop.example"
	return b
}

// begin follows the start page to the provider, signs in there, and returns what the provider sends back: the query of the
// code flow, or the fields of the form.
func (g *signInGateway) begin(b *harness.Browser, start, user string) url.Values {
	g.Helper()
	response := b.Get(start)
	location, err := response.Location()
	if err != nil || response.StatusCode != http.StatusFound {
		g.Fatalf("the start: status %d, %v", response.StatusCode, err)
	}
	return g.answer(location, user)
}

// answer signs in at the provider with the request that the gateway sent.
func (g *signInGateway) answer(location *url.URL, user string) url.Values {
	g.Helper()
	page, err := http.Get(location.String())
	if err != nil {
		g.Fatal(err)
	}
	field := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(readAll(g.T, page))
	if field == nil {
		g.Fatalf("the provider shows no sign-in page: status %d", page.StatusCode)
	}
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := stay.PostForm(g.idp.url+provider.AuthorizePath, url.Values{
		"request": {html.UnescapeString(field[1])}, "user": {user}, "password": {user + "-pass-1"},
	})
	if err != nil {
		g.Fatal(err)
	}
	body := readAll(g.T, answer)
	if target, err := answer.Location(); err == nil {
		return target.Query()
	}
	fields := url.Values{}
	for _, field := range regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	return fields
}

// finish brings the provider's answer to the gateway as a browser does. A form comes from another site, so without the
// cookies that are SameSite=Lax.
func (g *signInGateway) finish(b *harness.Browser, response string, answer url.Values) harness.Reply {
	g.Helper()
	if response == callback.ResponseCode {
		return b.Get("/auth/callback?" + answer.Encode())
	}
	kept := b.Cookies
	b.Cookies = signInCookies(kept, carrier.SignInPrefix)
	result := b.Post("/auth/callback", answer, "Origin: "+g.idp.url, "Sec-Fetch-Site: cross-site")
	maps.DeleteFunc(kept, func(name, _ string) bool { return strings.HasPrefix(name, carrier.SignInPrefix) })
	maps.Copy(kept, b.Cookies)
	b.Cookies = kept
	return result
}

// signInCookies returns those of the cookies that keep sign-ins.
func signInCookies(cookies map[string]string, prefix string) map[string]string {
	found := maps.Clone(cookies)
	maps.DeleteFunc(found, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
	return found
}

// stateCookie returns the name and value of the one cookie that keeps a sign-in that is under way.
func stateCookie(b *harness.Browser) (name, value string) {
	b.Helper()
	found := signInCookies(b.Cookies, callback.StateCookie+"_")
	if len(found) != 1 {
		b.Fatalf("the browser has %d sign-ins under way, want one", len(found))
	}
	for name, value = range found {
	}
	return name, value
}

var bothResponses = []string{callback.ResponseCode, callback.ResponseFormPost}

func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		t.Run(response, func(t *testing.T) {
			g := newSignInGateway(t, response, "")
			b := g.visitor()
			result := g.finish(b, response, g.begin(b, "/auth/login?return=/cart%3Fa%3Db", "alice"))
			if result.StatusCode != http.StatusSeeOther || result.Header.Get("Location") != "/cart?a=b" ||
				result.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("status %d, location %q", result.StatusCode, result.Header.Get("Location"))
			}
			for name, want := range map[string]struct{ httpOnly, ages bool }{
				"session": {true, false}, "id_token": {false, true}, "access_token": {true, true},
			} {
				i := slices.IndexFunc(result.Cookies(), func(cookie *http.Cookie) bool { return cookie.Name == name })
				if i < 0 {
					t.Errorf("there is no cookie %s", name)
					continue
				}
				cookie := result.Cookies()[i]
				if !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" ||
					cookie.HttpOnly != want.httpOnly || (cookie.MaxAge > 0) != want.ages {
					t.Errorf("the cookie %s is set so: %v", name, cookie.Raw != "")
				}
			}
			if len(b.Cookies["session"]) != 43 {
				t.Errorf("the session id has %d characters, want 256 bits in base64url", len(b.Cookies["session"]))
			}
			if len(signInCookies(b.Cookies, callback.StateCookie+"_")) > 0 {
				t.Error("the state cookie is still there")
			}
			first, second := b.Get("/page").Received.Header, b.Get("/page").Received.Header
			if first.Get("OurApp-User-ID") != "alice" || first.Get("X-Via") != "session" ||
				second.Get("OurApp-User-ID") != "alice" || second.Get("X-Via") != "token" {
				t.Errorf("received %v, then %v", first, second)
			}
			if g.Legacy.Questions() > 0 {
				t.Error("the application was asked about a session that it does not know")
			}
		})
	}
}

// The session that the browser had has ended, though the provider's form comes without its cookie.
func TestSignInEndsTheEarlierSession(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		t.Run(response, func(t *testing.T) {
			g := newSignInGateway(t, response, "")
			b := g.visitor()
			g.finish(b, response, g.begin(b, "/auth/login", "alice"))
			b.Get("/page")
			thief := g.visitor()
			thief.Cookies = map[string]string{"session": b.Cookies["session"], carrier.HostPrefix + harness.TokenName: b.Cookies[carrier.HostPrefix+harness.TokenName]}
			if got := thief.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "alice" {
				t.Fatalf("before: %q", got)
			}
			g.finish(b, response, g.begin(b, "/auth/login", "bob"))
			if got := b.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "bob" {
				t.Errorf("the new session is %q's", got)
			}
			if got := thief.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "" {
				t.Errorf("the earlier session is still %q's", got)
			}
		})
	}
}

// The session that is in one cookie with its token has ended likewise, and nothing of it stays beside the new one: the
// browser keeps two cookies of one name where their places differ.
func TestSignInEndsTheEarlierCombinedSession(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		t.Run(response, func(t *testing.T) {
			g := newSignInGatewayWith(t, response, "", `token_in_session_cookie {
				domain shop.example
				path /
			}`, "")
			b := g.visitor()
			result := g.finish(b, response, g.begin(b, "/auth/login", "alice"))
			i := slices.IndexFunc(result.Cookies(), func(cookie *http.Cookie) bool { return cookie.Name == "session" })
			if i < 0 || result.Cookies()[i].Domain != "shop.example" {
				t.Error("the session is not in the place that its token will be in")
			}
			b.Get("/page")
			if _, token := b.Combined(); token == "" {
				t.Fatal("no token came with the session")
			}
			thief := g.visitor()
			thief.Cookies = map[string]string{"session": b.Cookies["session"]}
			g.finish(b, response, g.begin(b, "/auth/login", "bob"))
			if user := b.Get("/page").Received.Header.Get("OurApp-User-ID"); user != "bob" {
				t.Errorf("the new session is %q's", user)
			}
			if user := thief.Get("/page").Received.Header.Get("OurApp-User-ID"); user != "" {
				t.Errorf("the earlier session is still %s's", user)
			}
		})
	}
}

// Start and finish are what the browser and the provider know, also where a part of the path is taken off on the way.
func TestSignInBehindHandlePath(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		t.Run(response, func(t *testing.T) {
			g := newSignInGatewayWith(t, response, "", "", "handle_path /auth/*")
			b := g.visitor()
			if result := g.finish(b, response, g.begin(b, "/auth/login", "alice")); result.StatusCode != http.StatusSeeOther {
				t.Errorf("status %d", result.StatusCode)
			}
		})
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	session := b.Cookies["session"]
	b.Get("/logout")
	again := g.visitor()
	again.Cookies["session"] = session
	if got := again.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "" {
		t.Errorf("after signing out the session is still %q's", got)
	}
}

// A page of another site must not be reachable by the way back.
func TestReturnIsLocal(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	for value, want := range map[string]string{
		"": "/welcome", "/a?b=c": "/a?b=c", "//evil.example": "/welcome", `/\evil.example`: "/welcome",
		"https://evil.example/": "/welcome", "evil": "/welcome", "/a\r\nX: y": "/welcome", `/a\..\b`: "/welcome",
		"/" + strings.Repeat("a", 5000): "/welcome", // which no cookie could keep
	} {
		b := g.visitor()
		result := g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login?return="+url.QueryEscape(value), "alice"))
		if got := result.Header.Get("Location"); got != want {
			t.Errorf("return=%.20q leads to %q, want %q", value, got, want)
		}
	}
}

func TestProviderDownAtSignIn(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	b := g.visitor()
	answer := g.begin(b, "/auth/login", "alice")
	g.idp.down.Store(true)
	result := g.finish(b, callback.ResponseCode, answer)
	if result.StatusCode != http.StatusServiceUnavailable || result.Header.Get("Retry-After") == "" {
		t.Errorf("status %d", result.StatusCode)
	}
	if b.Cookies["session"] != "" {
		t.Error("a session was opened")
	}
	g.idp.down.Store(false)
	if got := g.finish(b, callback.ResponseCode, answer).StatusCode; got != http.StatusSeeOther || b.Cookies["session"] == "" {
		t.Errorf("once more, when the provider is back: status %d", got)
	}
}

func TestSignInMethods(t *testing.T) {
	t.Parallel()
	for response, wrong := range map[string]string{callback.ResponseCode: http.MethodPost, callback.ResponseFormPost: http.MethodGet} {
		g := newSignInGateway(t, response, "")
		b := g.visitor()
		if got := b.Do(wrong, "/auth/callback").StatusCode; got != http.StatusMethodNotAllowed {
			t.Errorf("%s by %s: status %d", response, wrong, got)
		}
		if got := b.Do(http.MethodPost, "/auth/login").StatusCode; got != http.StatusMethodNotAllowed {
			t.Errorf("the start by POST: status %d", got)
		}
	}
}

// Every attack on the way back must end with 400 and without a session.
func TestCallbackAttacks(t *testing.T) {
	t.Parallel()
	for _, attack := range []struct {
		name string
		// threat in one sentence
		threat   string
		response string // empty: both
		change   func(g *signInGateway, b *harness.Browser, answer url.Values)
	}{
		{
			"login CSRF", "The attacker makes a victim's browser finish the attacker's own sign-in, to see what the victim does.",
			"", func(g *signInGateway, b *harness.Browser, answer url.Values) { clear(b.Cookies) },
		},
		{
			"login CSRF with a sign-in under way", "The same, while the victim has begun a sign-in of his own.",
			"", func(g *signInGateway, b *harness.Browser, answer url.Values) {
				clear(b.Cookies)
				b.Get("/auth/login")
			},
		},
		{
			"login CSRF with a sign-in under another name", "The same, where the victim's cookie is called as the attacker's was.",
			"", func(g *signInGateway, b *harness.Browser, answer url.Values) {
				name, _ := stateCookie(b)
				clear(b.Cookies)
				b.Get("/auth/login")
				_, value := stateCookie(b)
				b.Cookies = map[string]string{name: value}
			},
		},
		{
			"sign-in that is over under another name", "What is kept of a sign-in that is over must not count as one that is under way.",
			"", func(g *signInGateway, b *harness.Browser, answer url.Values) {
				name, _ := stateCookie(b)
				g.finish(b, g.response, g.begin(b, "/auth/login", "alice"))
				for _, value := range signInCookies(b.Cookies, carrier.SignInPrefix+"used") {
					b.Cookies = map[string]string{name: value}
				}
			},
		},
		{
			"no state", "An answer without state can't be tied to any browser.",
			"", func(_ *signInGateway, _ *harness.Browser, answer url.Values) { answer.Del("state") },
		},
		{
			"state twice", "Two readers of one parameter may each take another value for it.",
			"", func(_ *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Add("state", answer.Get("state"))
			},
		},
		{
			"mix-up", "Another provider that the browser was sent to answers in the name of this one.",
			"", func(_ *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Set("iss", "https://evil.example")
			},
		},
		{
			"no iss", "The provider promises to name itself, so an answer without its name is somebody else's.",
			"", func(_ *signInGateway, _ *harness.Browser, answer url.Values) { answer.Del("iss") },
		},
		{
			"altered state cookie", "The browser's keeper must not be able to choose what the gateway remembers.",
			"", func(_ *signInGateway, b *harness.Browser, _ url.Values) {
				name, text := stateCookie(b)
				value := []byte(text)
				value[len(value)-4] ^= 1
				b.Cookies[name] = string(value)
			},
		},
		{
			"error beside a good answer", "An answer that says no and yes is none.",
			"", func(_ *signInGateway, _ *harness.Browser, answer url.Values) { answer.Set("error", "access_denied") },
		},
		{
			"another client's code", "A code that was stolen at another application of the same provider is worth nothing here.",
			callback.ResponseCode, func(g *signInGateway, b *harness.Browser, answer url.Values) {
				answer.Set("code", g.otherAnswer(b, "other", callback.ResponseCode).Get("code"))
			},
		},
		{
			"code of another sign-in", "A code that was stolen from another browser is worth nothing here, since its verifier is missing (PKCE).",
			callback.ResponseCode, func(g *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Set("code", g.begin(g.visitor(), "/auth/login", "bob").Get("code"))
			},
		},
		{
			"no code", "An answer without anything is none.",
			callback.ResponseCode, func(_ *signInGateway, _ *harness.Browser, answer url.Values) { answer.Del("code") },
		},
		{
			"tokens where a code belongs", "Tokens from the browser must not count where the code flow is configured.",
			callback.ResponseCode, func(g *signInGateway, _ *harness.Browser, answer url.Values) {
				tokens := g.otherAnswer(g.visitor(), "shop", callback.ResponseFormPost)
				answer.Del("code")
				answer.Set("id_token", tokens.Get("id_token"))
				answer.Set("access_token", tokens.Get("access_token"))
			},
		},
		{
			"another sign-in's ID token", "An ID token that was stolen from another browser has another nonce.",
			callback.ResponseFormPost, func(g *signInGateway, _ *harness.Browser, answer url.Values) {
				stolen := g.begin(g.visitor(), "/auth/login", "bob")
				answer.Set("id_token", stolen.Get("id_token"))
				answer.Set("access_token", stolen.Get("access_token"))
			},
		},
		{
			"token swap", "The user's ID token beside an access token of another user would join two users in one browser.",
			callback.ResponseFormPost, func(g *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Set("access_token", g.begin(g.visitor(), "/auth/login", "bob").Get("access_token"))
			},
		},
		{
			"another access token of the user", "An access token that was stolen elsewhere must not ride along with a good sign-in.",
			callback.ResponseFormPost, func(g *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Set("access_token", g.begin(g.visitor(), "/auth/login", "alice").Get("access_token"))
			},
		},
		{
			"another client's ID token", "An ID token for another application says nothing to this one.",
			callback.ResponseFormPost, func(g *signInGateway, b *harness.Browser, answer url.Values) {
				other := g.otherAnswer(b, "other", callback.ResponseFormPost)
				answer.Set("id_token", other.Get("id_token"))
				answer.Set("access_token", other.Get("access_token"))
			},
		},
		{
			"access token as ID token", "Both are signed by the same key, and only one of them is about a sign-in.",
			callback.ResponseFormPost, func(_ *signInGateway, _ *harness.Browser, answer url.Values) {
				answer.Set("id_token", answer.Get("access_token"))
			},
		},
		{
			"no access token", "Where an access token is asked for, its absence must not skip its checks.",
			callback.ResponseFormPost, func(_ *signInGateway, _ *harness.Browser, answer url.Values) { answer.Del("access_token") },
		},
	} {
		for _, response := range bothResponses {
			if attack.response != "" && attack.response != response {
				continue
			}
			t.Run(attack.name+"/"+response, func(t *testing.T) {
				g := newSignInGateway(t, response, "")
				b := g.visitor()
				answer := g.begin(b, "/auth/login", "alice")
				attack.change(g, b, answer)
				result := g.finish(b, response, answer)
				if result.StatusCode != http.StatusBadRequest || b.Cookies["session"] != "" {
					t.Errorf("%s: status %d, a session: %v", attack.threat, result.StatusCode, b.Cookies["session"] != "")
				}
			})
		}
	}
}

// A state cookie that was left behind must not open a session later on.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		for late, want := range map[time.Duration]int{0: http.StatusBadRequest, time.Second: http.StatusSeeOther} {
			g := newSignInGateway(t, response, "")
			b := g.visitor()
			g.Clock.Advance(late - callback.SignInTime)
			location, err := b.Get("/auth/login").Location()
			if err != nil {
				t.Fatal(err)
			}
			g.Clock.Advance(callback.SignInTime - late)
			if got := g.finish(b, response, g.answer(location, "alice")).StatusCode; got != want {
				t.Errorf("%s, %s before its time is over: status %d, want %d", response, late, got, want)
			}
		}
	}
}

// A provider that signs what it should not: the ID token of one user for the access token of another.
func TestProviderThatJoinsTwoUsers(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]int{"alice": http.StatusSeeOther, "bob": http.StatusBadRequest} {
		g := newSignInGateway(t, callback.ResponseFormPost, "")
		checkJoinedUsers(t, g, subject, want)
		g = newSignInGatewayWith(t, callback.ResponseFormPost, "", "", "") // whom the access token is for is not said
		checkJoinedUsers(t, g, subject, want)
	}
}

func checkJoinedUsers(t *testing.T, g *signInGateway, subject string, want int) {
	t.Helper()
	b := g.visitor()
	location, err := b.Get("/auth/login").Location()
	if err != nil {
		t.Fatal(err)
	}
	id, access, err := g.idp.Sign("shop", "alice", subject, location.Query().Get("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	answer := url.Values{
		"id_token": {id}, "access_token": {access}, "state": {location.Query().Get("state")}, "iss": {g.idp.url},
	}
	if got := g.finish(b, callback.ResponseFormPost, answer).StatusCode; got != want {
		t.Errorf("an access token of %s beside an ID token of alice: status %d, want %d", subject, got, want)
	}
}

// otherAnswer signs alice in with the browser's own request, but in the name of another client or flow.
func (g *signInGateway) otherAnswer(b *harness.Browser, client, response string) url.Values {
	g.Helper()
	began := b.Get("/auth/login")
	location, err := began.Location()
	if err != nil {
		g.Fatal(err)
	}
	query := location.Query()
	query.Set("client_id", client)
	if response == callback.ResponseFormPost {
		query.Set("response_type", "id_token token")
		query.Set("response_mode", "form_post")
	}
	location.RawQuery = query.Encode()
	return g.answer(location, "alice")
}

// A client that keeps its cookies must not finish one sign-in twice.
func TestReplayedAnswer(t *testing.T) {
	t.Parallel()
	for _, response := range bothResponses {
		g := newSignInGateway(t, response, "")
		b := g.visitor()
		answer := g.begin(b, "/auth/login", "alice")
		name, state := stateCookie(b)
		if got := g.finish(b, response, answer).StatusCode; got != http.StatusSeeOther {
			t.Fatalf("%s: status %d", response, got)
		}
		for _, when := range []string{"again", "after a reload"} {
			if when == "after a reload" {
				g.Load(g.options)
			}
			replay := g.visitor()
			replay.Cookies[name] = state
			if got := g.finish(replay, response, answer); got.StatusCode != http.StatusBadRequest || replay.Cookies["session"] != "" {
				t.Errorf("%s, %s: status %d", response, when, got.StatusCode)
			}
		}
	}
}

// A session that was fixed by an attacker before the sign-in is not the one that is opened.
func TestSignInFixesNoSession(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	b := g.visitor()
	b.Cookies["session"] = "chosen-by-the-attacker"
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	if b.Cookies["session"] == "chosen-by-the-attacker" {
		t.Error("the session has the id that the browser brought")
	}
	if _, active, err := g.App.Opened().Ledger.Active(t.Context(),
		sessions.Key{Realm: "shop", Hash: sessions.HashOf("chosen-by-the-attacker")}); active || err != nil {
		t.Errorf("the attacker's id is a session: %v, %v", active, err)
	}
}

// A user who was revoked signs in again at the provider, and counts.
func TestRevokedUserSignsInAgain(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	b := g.visitor()
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	if err := g.App.Opened().Ledger.RevokeUser(t.Context(), "shop", "alice"); err != nil {
		t.Fatal(err)
	}
	if got := b.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "" {
		t.Errorf("revoked, and still %q", got)
	}
	g.Clock.Advance(2 * time.Second)
	g.finish(b, callback.ResponseCode, g.begin(b, "/auth/login", "alice"))
	if got := b.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "alice" {
		t.Errorf("signed in again, and %q", got)
	}
}

// What an emergency change of the keys leaves of a sign-in under way: nothing.
func TestStateOfADroppedKey(t *testing.T) {
	t.Parallel()
	g := newSignInGateway(t, callback.ResponseCode, "")
	b := g.visitor()
	answer := g.begin(b, "/auth/login", "alice")
	key, _, err := validator.GenerateKey(validator.HS256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := validator.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	g.App.Opened().Keys.Set(set)
	if got := g.finish(b, callback.ResponseCode, answer).StatusCode; got != http.StatusBadRequest {
		t.Errorf("status %d", got)
	}
}
