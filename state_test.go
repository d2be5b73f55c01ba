package jwtsession_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
)

// stateSite keeps a cart and a list of wishes. The application sends what the query says: /page?cart={...}.
const stateSite = `
	jwt_session shop {
		whoami /whoami json user
		unauthenticated pass
		OPTIONS
	}
	jwt_session_state cart {
		request_header X-Cart
		response_header X-New-Cart
	}
	jwt_session_state wishes {
		request_header X-Wishes
		response_header X-New-Wishes
		max_age 10m
	}
	reverse_proxy LEGACY`

func newStateGateway(t *testing.T) *harness.Gateway {
	t.Helper()
	return newStateGatewayWith(t, harness.Options{Site: stateSite})
}

func newStateGatewayWith(t *testing.T, options harness.Options) *harness.Gateway {
	t.Helper()
	options.Site = strings.ReplaceAll(options.Site, "OPTIONS", "")
	g := harness.NewWith(t, options)
	g.Legacy.Respond(func(w http.ResponseWriter, r *http.Request) bool {
		for parameter, header := range map[string]string{"cart": "X-New-Cart", "wishes": "X-New-Wishes", "cache": "Cache-Control", "set": "Set-Cookie"} {
			for _, value := range r.URL.Query()[parameter] {
				w.Header().Add(header, value)
			}
		}
		if r.URL.Query().Has("status") {
			w.WriteHeader(map[string]int{"404": 404, "500": 500, "302": 302, "206": 206}[r.URL.Query().Get("status")])
			return true
		}
		return false
	})
	return g
}

// states are the cookies that hold states, by name.
type states map[string]string

// take keeps the states that a response brings.
func (s states) take(response harness.Reply) {
	for _, cookie := range response.Cookies() {
		if cookie.Name == "cart" || cookie.Name == "wishes" {
			s[cookie.Name] = cookie.Value
		}
	}
}

// visit sends a request with the states and the session, and keeps the states that it brings.
func (s states) visit(b *harness.Browser, path string, lines ...string) harness.Reply {
	b.Helper()
	var pairs []string
	for _, name := range []string{"cart", "wishes"} {
		delete(b.Cookies, name) // what the browser would send is what s holds
		if value, ok := s[name]; ok {
			pairs = append(pairs, name+"="+value)
		}
	}
	if line := b.CookieLine(); line != "" {
		pairs = append(pairs, line)
	}
	pairs = append(pairs, "theme=dark")
	response := b.Get(path, append(lines, "Cookie: "+strings.Join(pairs, "; "))...)
	s.take(response)
	return response
}

// wantState checks what the application received of the cart.
func wantState(t *testing.T, response harness.Reply, want string) {
	t.Helper()
	if response.Received == nil {
		t.Fatalf("status %d: the request did not reach the application", response.StatusCode)
	}
	var lines []string
	if want != "" {
		lines = []string{want}
	}
	if got := response.Received.Header.Values("X-Cart"); !slices.Equal(got, lines) {
		t.Errorf("the application received the cart %q, want %q", got, lines)
	}
	if cookie := response.Received.Header.Get("Cookie"); strings.Contains(cookie, "cart=") || strings.Contains(cookie, "wishes=") ||
		!strings.Contains(cookie, "theme=dark") {
		t.Errorf("the application received the cookies %q", cookie)
	}
}

func cartOf(text string) string {
	return "/page?cart=" + strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D", " ", "%20").Replace(text)
}

func TestState(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	wantState(t, s.visit(b, "/page"), "")
	response := s.visit(b, cartOf(`{"items": ["a", "b"], "total": 1.50}`))
	wantState(t, response, "")
	cookies := response.Cookies()
	if len(cookies) != 1 || len(response.Header["X-New-Cart"]) > 0 {
		t.Fatalf("%d cookies, and the header of the application %q", len(cookies), response.Header["X-New-Cart"])
	}
	attributes := strings.SplitN(response.Header.Get("Set-Cookie"), "; ", 2)[1]
	if want := "Path=/; Max-Age=3600; SameSite=Lax"; attributes != want || cookies[0].Name != "cart" {
		t.Errorf("the cookie %s has %q, want %q", cookies[0].Name, attributes, want)
	}
	if got := response.Header.Get("Cache-Control"); got != "private" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := response.Header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary %q", got)
	}
	// A page reads it as it is.
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(s["cart"], ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	now := float64(g.Clock.Now().Unix())
	if claims["total"] != 1.5 || claims["iat"] != now || claims["exp"] != now+3600 || claims["aud"] != "shop" || claims["sub"] != nil {
		t.Errorf("the page reads %s", payload)
	}
	for range 2 {
		wantState(t, s.visit(b, "/page"), `{"items":["a","b"],"total":1.50}`)
	}
	response = s.visit(b, "/page?wishes=%7B%22w%22:1%7D")
	wantState(t, response, `{"items":["a","b"],"total":1.50}`)
	if want := "Max-Age=600;"; !strings.Contains(response.Header.Get("Set-Cookie"), want) {
		t.Errorf("the other cookie is %q", response.Header.Get("Set-Cookie"))
	}
	response = s.visit(b, cartOf("{}"))
	if got := response.Received.Header.Get("X-Wishes"); got != `{"w":1}` {
		t.Errorf("the application received the wishes %q", got)
	}
	wantState(t, s.visit(b, "/page"), "{}")
	g.Clock.Advance(10 * time.Minute)
	response = s.visit(b, "/page")
	wantState(t, response, "{}")
	if got := response.Received.Header["X-Wishes"]; len(got) > 0 {
		t.Errorf("after its time the application received the wishes %q", got)
	}
	g.Clock.Advance(50 * time.Minute)
	wantState(t, s.visit(b, "/page"), "")
}

// The cart goes with the user: what nobody owned becomes his, and what was his is nobody else's.
func TestStateOfUsers(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	s.visit(b, cartOf(`{"by":"nobody"}`))
	alice, bob := g.Legacy.SignIn("alice"), g.Legacy.SignIn("bob")
	for step, test := range []struct {
		session, set, want string
	}{
		{alice, "", `{"by":"nobody"}`},
		{alice, `{"by":"alice"}`, `{"by":"nobody"}`},
		{alice, "", `{"by":"alice"}`},
		{bob, "", ""},
		{"", "", ""},
		{alice, "", `{"by":"alice"}`},
		{bob, `{"by":"bob"}`, ""},
		{alice, "", ""},
		{bob, "", `{"by":"bob"}`},
	} {
		delete(b.Cookies, harness.TokenName)
		delete(b.Cookies, "session")
		if test.session != "" {
			b.Cookies["session"] = test.session
		}
		path := "/page"
		if test.set != "" {
			path = cartOf(test.set)
		}
		for range 2 - min(1, len(test.set)) { // by session, and by token
			t.Log("step", step)
			wantState(t, s.visit(b, path), test.want)
		}
	}
}

// What the application sends and can't be a state is dropped, and the one before stays.
func TestStateIsNotSet(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	s.visit(b, cartOf(`{"n":1}`))
	for path, message := range map[string]string{
		cartOf(""):                                          "can't be set",
		cartOf("x"):                                         "can't be set",
		cartOf("[1]"):                                       "can't be set",
		cartOf(`{"exp":1}`):                                 "can't be set",
		cartOf(`{"sub":"bob"}`):                             "can't be set",
		cartOf(`{"cookie":"bob"}`):                          "can't be set",
		cartOf(`{"n":2}`) + "&cart=%7B%7D":                  "several states",
		cartOf(`{"n":2}`) + "&status=404":                   "the response is an error",
		cartOf(`{"n":2}`) + "&status=500":                   "the response is an error",
		cartOf(`{"n":2}`) + "&status=206":                   "the response is an error",
		cartOf(`{"n":2}`) + "&cache=public":                 "a shared cache may store it",
		cartOf(`{"n":2}`) + "&cache=s-maxage=9":             "a shared cache may store it",
		cartOf(`{"n":2}`) + "&set=cart=own":                 "sets a cookie of its name itself",
		cartOf(`{"n":"` + strings.Repeat("a", 3000) + `"}`): "too large for a cookie",
	} {
		g.Clock.Advance(time.Minute) // each is written once a minute
		before := len(g.Logged())
		kept := s["cart"]
		response := s.visit(b, path)
		wantState(t, response, `{"n":1}`)
		if len(response.Header["X-New-Cart"]) > 0 {
			t.Errorf("%.40s: the application's header went out", path)
		}
		if s["cart"] != kept && s["cart"] != "own" {
			t.Errorf("%.40s: the cookie was set", path)
		}
		s["cart"] = kept
		if log := g.Logged()[before:]; !strings.Contains(log, message) || !strings.Contains(log, `"cart"`) {
			t.Errorf("%.40s: not logged with %q:\n%s", path, message, log)
		}
		if strings.Contains(path, "cache=public") && response.Header.Get("Cache-Control") != "public" {
			t.Errorf("%.40s: Cache-Control is %q now", path, response.Header.Get("Cache-Control"))
		}
	}
	if response := s.visit(b, cartOf(`{"n":3}`)+"&status=302"); response.StatusCode != http.StatusFound || s["cart"] == "" {
		t.Errorf("status %d", response.StatusCode)
	}
	wantState(t, s.visit(b, "/page"), `{"n":3}`)
}

// One byte more than fits a cookie, and the state before stays.
func TestStateSize(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	largest, set := 0, 0
	for n := 2700; n < 3050; n++ {
		delete(s, "cart")
		response := s.visit(b, cartOf(`{"n":"`+strings.Repeat("a", n)+`"}`))
		if line := response.Header.Get("Set-Cookie"); line != "" {
			largest, set = max(largest, len(line)), set+1
		}
	}
	if largest > 4096 || largest < 4093 || set == 350 {
		t.Errorf("the largest cookie has %d bytes", largest)
	}
}

func TestStateOverTLS(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"cart": "; Secure;", "__Host-cart": "; Secure;", "__Secure-cart": "; Secure;"} {
		for _, tls := range []bool{true, false} {
			g := newStateGatewayWith(t, harness.Options{Site: strings.Replace(stateSite, "jwt_session_state cart", "jwt_session_state "+name, 1), TLS: tls})
			line := g.Browser().Get(cartOf("{}")).Header.Get("Set-Cookie")
			wantSecure := tls || name != "cart"
			if strings.Contains(line, want) != wantSecure || !strings.HasPrefix(line, name+"=") || strings.Contains(line, "HttpOnly") {
				t.Errorf("%s, by TLS %v: %.30s… %s", name, tls, line, line[max(0, len(line)-60):])
			}
		}
	}
}

func TestStateWithoutHandler(t *testing.T) {
	t.Parallel()
	g := harness.NewWith(t, harness.Options{Site: `
		route {
			jwt_session_state cart {
				request_header X-Cart
				response_header X-Cart
			}
			jwt_session shop
			respond ok
		}`})
	if response := g.Browser().Get("/page"); response.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", response.StatusCode)
	}
}

// While it can't be told who is signed in, the user's cart is neither handed out nor overwritten.
func TestStateCouldNotTell(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	s.visit(b, cartOf(`{"by":"alice"}`))
	kept := s["cart"]
	delete(b.Cookies, harness.TokenName)
	g.Clock.Advance(time.Minute)
	fails := true
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, _ *http.Request) bool {
		if fails {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return fails
	})
	wantState(t, s.visit(b, cartOf(`{"by":"whom"}`)), "")
	if s["cart"] != kept || !strings.Contains(g.Logged(), "it can't be told who is signed in") {
		t.Error("the cart was overwritten, or nothing was said")
	}
	fails = false
	wantState(t, s.visit(b, "/page"), `{"by":"alice"}`)
}

// A preflight and our own question bring no state and take none.
func TestStateOfOtherRequests(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	s.visit(b, cartOf(`{"n":1}`))
	g.Clock.Advance(time.Minute)
	delete(b.Cookies, harness.TokenName)
	asked := make(chan http.Header, 1)
	g.Legacy.RespondWhoami(func(w http.ResponseWriter, r *http.Request) bool {
		asked <- r.Header
		w.Header().Set("X-New-Cart", `{"n":2}`)
		return false
	})
	response := s.visit(b, "/page")
	if header := <-asked; len(header["X-Cart"]) > 0 || strings.Contains(header.Get("Cookie"), "cart=") || !strings.Contains(header.Get("Cookie"), "session=") {
		t.Errorf("the question came with %d lines of the state, and the cookies %q", len(header["X-Cart"]), header.Get("Cookie"))
	}
	wantState(t, response, `{"n":1}`)
	wantState(t, s.visit(b, "/page"), `{"n":1}`)
	preflight := b.Do(http.MethodOptions, cartOf(`{"n":3}`), "Cookie: cart="+s["cart"], "X-Cart: x", "Origin: https://a.example", "Access-Control-Request-Method: PUT")
	if got := preflight.Received.Header; len(got["X-Cart"]) > 0 || len(got["Cookie"]) > 0 || len(preflight.Header["X-New-Cart"]) > 0 || len(preflight.Header["Set-Cookie"]) > 0 {
		t.Errorf("a preflight arrived with %d cookies, and was answered with %q", len(got["Cookie"]), preflight.Header["Set-Cookie"])
	}
}

// The header of the application goes out in no other way either.
func TestStateHeaderOfOtherResponses(t *testing.T) {
	t.Parallel()
	g := newStateGatewayWith(t, harness.Options{Site: strings.Replace(stateSite, "reverse_proxy LEGACY", `
		route /failing {
			header X-New-Cart "{}"
			error "no" 503
		}
		reverse_proxy LEGACY
		handle_errors {
			respond "sorry" {err.status_code}
		}`, 1)})
	if response := g.Browser().Get("/failing"); response.StatusCode != http.StatusServiceUnavailable || len(response.Header["X-New-Cart"]) > 0 {
		t.Errorf("status %d, with the header %q", response.StatusCode, response.Header["X-New-Cart"])
	}
}

// What an application sends after the body of a response is none of the client's business either, announced or not.
func TestTrailersThatStayInside(t *testing.T) {
	t.Parallel()
	g := newStateGatewayWith(t, harness.Options{Site: strings.Replace(stateSite, "unauthenticated pass",
		"unauthenticated pass\nresponse_user X-Remote-User", 1)})
	for _, announced := range []string{"", "X-New-Cart, X-Checksum, X-Remote-User", "X-Remote-User"} {
		g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
			if announced != "" {
				w.Header().Set("Trailer", announced)
			}
			_, _ = w.Write([]byte("body"))
			_ = http.NewResponseController(w).Flush()
			for _, name := range []string{"X-New-Cart", "X-Checksum", "X-Remote-User"} {
				if !strings.Contains(announced, name) {
					name = http.TrailerPrefix + name
				}
				w.Header().Set(name, `{"inside": true}`)
			}
			return true
		})
		response := g.Browser().Get("/page")
		if len(response.Trailer) != 1 || response.Trailer.Get("X-Checksum") == "" {
			t.Errorf("announced %q: the client received the trailers %v", announced, response.Trailer)
		}
	}
}

func TestStateInvalid(t *testing.T) {
	block := func(lines string) string { return " {\n" + lines + "\n}" }
	const headers = "request_header X-Cart\nresponse_header X-New-Cart"
	for config, want := range map[string]string{
		"jwt_session_state cart":                                                             "request_header: which header?",
		"jwt_session_state cart" + block("request_header X-Cart"):                            "response_header: which header?",
		"jwt_session_state cart" + block("request_header Cookie\nresponse_header X-Cart"):    "request_header Cookie: this header has a meaning",
		"jwt_session_state cart" + block("request_header a:b\nresponse_header X-Cart"):       "not a header name",
		"jwt_session_state cart" + block("request_header X-Cart\nresponse_header Vary"):      "response_header Vary: this header has a meaning",
		"jwt_session_state cart" + block("request_header X\nresponse_header Set-Cookie"):     "response_header Set-Cookie: this header has a meaning",
		"jwt_session_state cart" + block(headers+"\nmax_age 1500ms"):                         "want whole seconds",
		"jwt_session_state cart" + block(headers+"\nmax_age 401d"):                           "400 days at most",
		"jwt_session_state a=b" + block(headers):                                             "checking the name of the cookie",
		"jwt_session_state __Host-Http-cart" + block(headers):                                "pages read the cookie",
		"jwt_session_state sid" + block(headers):                                             "that is a session_cookie of realm shop",
		"jwt_session_state jwt_shop" + block(headers):                                        "that is the token_cookie of realm shop",
		"jwt_session_state __Host-jwt_shop" + block(headers):                                 "that is the token_cookie of realm shop",
		"jwt_session_state cart" + block("request_header ourapp_user-id\nresponse_header X"): "that is an identity_header of realm shop",
	} {
		// Whichever is provisioned first.
		handler := "jwt_session shop {\n session_cookie sid\n}"
		checkInvalid(t, validateSite(t, "", "route {\n"+handler+"\n"+config+"\n}"), config, want)
		checkInvalid(t, validateSite(t, "", "route {\n"+config+"\n"+handler+"\n}"), config, want)
	}
	long := "route {\njwt_session shop\njwt_session_state cart" + block(headers+"\nmax_age 8d") + "\n}"
	checkInvalid(t, validateSite(t, "rotate_every 10m\nkey_delay 1m", long), long, "keep more than 1000 keys")
	for _, global := range []string{"", "rotate_every 12m", "key secret " + goodSecret(1)} {
		if err := validateSite(t, global, long); err != nil {
			t.Errorf("%s: %v", global, err)
		}
	}
	for config, want := range map[string]string{
		"jwt_session_state":                                        "want the name of a cookie",
		"jwt_session_state cart wishes":                            `unexpected argument "wishes"`,
		"jwt_session_state cart" + block("path /"):                 `unknown option "path"; want one of request_header, response_header, max_age`,
		"jwt_session_state cart" + block("max_age 1h\nmax_age 1h"): "max_age is given twice",
		"jwt_session_state cart" + block("max_age 0"):              "want a duration above 0",
		"jwt_session_state cart" + block("request_header"):         "request_header: want a value",
	} {
		checkAdaptError(t, "http:// {\n"+config+"\n}", want)
	}
}

// Attacks on states, one each with its threat in a sentence. Those on the form of a state are in the validator's tests.

// A client writes the application's cart itself, into the header in any spelling or into the cookie.
func TestAttackOwnState(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b := g.Browser()
	good := states{}
	good.visit(b, cartOf(`{"price":100}`))
	for _, line := range []string{"X-Cart: {}", "x-cart: {}", "X_Cart: {}", "X~Cart: {}", "HTTP-X-Cart: {}", "http_x_cart: {}", "X.Cart: {}"} {
		for _, s := range []states{{}, good} {
			response := s.visit(b, "/page", line)
			want := ""
			if len(s) > 0 {
				want = `{"price":100}`
			}
			wantState(t, response, want)
			for name, values := range response.Received.Header {
				if slices.Contains(values, "{}") {
					t.Errorf("%s arrived as %s", line, name)
				}
			}
		}
	}
	parts := strings.Split(good["cart"], ".")
	cheaper := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustDecode(t, parts[1])), "100", "1", 1)))
	for name, cookie := range map[string]string{
		"altered": parts[0] + "." + cheaper + "." + parts[2], "unsigned": parts[0] + "." + cheaper + ".", "cut": good["cart"][:len(good["cart"])-1],
		"plain JSON": `{"price":1}`, "alg none": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"state+jwt"}`)) + "." + cheaper + ".",
		"twice": good["cart"] + "; cart=" + parts[0] + "." + cheaper + "." + parts[2],
	} {
		response := states{"cart": cookie}.visit(b, "/page")
		wantState(t, response, "")
		if response.StatusCode != http.StatusOK || len(response.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: status %d, %d cookies; want an empty cart and no error", name, response.StatusCode, len(response.Header["Set-Cookie"]))
		}
	}
}

func mustDecode(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// Somebody moves a state, which he may write himself through the application, to where it means something else: to another
// cookie, to another realm's, to another user's browser, or into the place of a token.
func TestAttackMovedState(t *testing.T) {
	t.Parallel()
	g := newStateGatewayWith(t, harness.Options{Site: strings.Replace(stateSite, "OPTIONS", "accept_bearer", 1)})
	b, s := g.Browser(), states{}
	b.Cookies["session"] = g.Legacy.SignIn("mallory")
	s.visit(b, cartOf(`{"n":1}`))
	wantState(t, states{"cart": s["cart"]}.visit(b, "/page"), `{"n":1}`) // the control
	if response := (states{"wishes": s["cart"]}).visit(b, "/page"); len(response.Received.Header["X-Wishes"]) > 0 {
		t.Error("it counts in another cookie")
	}
	victim := g.Browser()
	victim.Cookies["session"] = g.Legacy.SignIn("alice")
	wantState(t, states{"cart": s["cart"]}.visit(victim, "/page"), "")
	thief := g.Browser()
	for _, lines := range [][]string{{"Cookie: " + harness.TokenName + "=" + s["cart"]}, {"Authorization: Bearer " + s["cart"]}} {
		if got := thief.Get("/page", lines...).Received; got.User(t) != "" || strings.Contains(strings.Join(got.Header["Authorization"], ""), s["cart"]) {
			t.Errorf("as a token: the application sees %q", got.User(t))
		}
	}
	// And a token that signs him in is no state.
	wantState(t, states{"cart": b.Cookies[harness.TokenName]}.visit(b, "/page"), "")
}

// Two realms of one gateway share its keys; a state of the one must not count in the other, where the same user id is another
// user.
func TestAttackStateOfAnotherRealm(t *testing.T) {
	t.Parallel()
	site := func(realm string) harness.Options {
		return harness.Options{Global: "key secret " + forwardSecret, Site: strings.Replace(stateSite, "jwt_session shop", "jwt_session "+realm, 1)}
	}
	shop, blog := newStateGatewayWith(t, site("shop")), newStateGatewayWith(t, site("blog"))
	s := states{}
	s.visit(shop.Browser(), cartOf(`{"n":1}`))
	wantState(t, s.visit(shop.Browser(), "/page"), `{"n":1}`)
	wantState(t, s.visit(blog.Browser(), "/page"), "")
}

// A shared computer: after the sign-out, who comes next brings back the state of the one before.
func TestAttackStateAfterSignOut(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	b, s := g.Browser(), states{}
	b.Cookies["session"] = g.Legacy.SignIn("alice")
	s.visit(b, cartOf(`{"by":"alice"}`))
	g.Legacy.Respond(nil)
	b.Get("/logout")
	wantState(t, s.visit(b, "/page"), "")
	b.Cookies["session"] = g.Legacy.SignIn("bob")
	wantState(t, s.visit(b, "/page"), "")
}

// A key that signs no more verifies states as long as they last, which is longer than tokens do. An emergency drops it.
func TestStateOutlivesTheKeyOfTokens(t *testing.T) {
	t.Parallel()
	g := newStateGatewayWith(t, harness.Options{Site: stateSite})
	b, s := g.Browser(), states{}
	s.visit(b, cartOf(`{"n":1}`))
	old := joseHeaderOf(t, s["cart"]).Kid
	if _, err := g.App.Opened().Keeper.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		g.Clock.Advance(time.Minute)
		if err := g.App.Opened().Keeper.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, s.visit(b, "/page"), `{"n":1}`)
	s.visit(b, cartOf(`{"n":2}`))
	if kid := joseHeaderOf(t, s["cart"]).Kid; kid == old {
		t.Fatal("no other key signs")
	}
	wantState(t, s.visit(b, "/page"), `{"n":2}`)
	if _, err := g.App.Opened().Keeper.Replace(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantState(t, s.visit(b, "/page"), "")
}

// A state under a key that another gateway has just made is good with its first request, and so is a Bearer token.
func TestUnknownKeyIDOfStateAndBearer(t *testing.T) {
	t.Parallel()
	options := harness.Options{Site: strings.Replace(stateSite, "OPTIONS", "mode stateless\naccept_bearer", 1)}
	first := newStateGatewayWith(t, options)
	for _, what := range []string{"state", "bearer"} {
		second := &harness.Gateway{T: t, Legacy: first.Legacy, Clock: first.Clock, Dir: t.TempDir(), Storage: filepath.Join(first.Dir, "storage")}
		second.Load(options)
		if _, err := second.App.Opened().Keeper.Replace(t.Context()); err != nil {
			t.Fatal(err)
		}
		first.Clock.Advance(time.Second) // the storage is read once a second for such keys
		b, s := first.Browser(), states{}
		switch what {
		case "state":
			s.visit(second.Browser(), cartOf(`{"n":1}`))
			wantState(t, s.visit(b, "/page"), `{"n":1}`)
		case "bearer":
			token := second.MintFor("alice", "any")
			if user := b.Get("/page", "Authorization: Bearer "+token).Received.User(t); user != "alice" {
				t.Errorf("the application sees %q", user)
			}
		}
	}
}

// The header of the application goes out with no interim response either, and the final one brings the state.
func TestStateKeepsTheHeaderFromInterimResponses(t *testing.T) {
	t.Parallel()
	g := newStateGateway(t)
	g.Legacy.Respond(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-New-Cart", "{}")
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		return false
	})
	var interim []http.Header
	traced := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
		interim = append(interim, http.Header(header))
		return nil
	}})
	request, err := http.NewRequestWithContext(traced, http.MethodGet, g.URL+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := g.Server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if len(interim) != 1 || interim[0].Get("Link") == "" || interim[0].Get("X-New-Cart") != "" {
		t.Errorf("the interim responses have the headers %v", interim)
	}
	if cookies := response.Cookies(); len(cookies) != 1 || cookies[0].Name != "cart" || response.Header.Get("X-New-Cart") != "" {
		t.Errorf("the final response has the header %v", response.Header)
	}
}
