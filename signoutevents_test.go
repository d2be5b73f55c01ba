package jwtsession_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/harness"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
)

const eventMedia = "application/secevent+jwt"

// push pushes a security event and expects a status. It returns the error code of the answer.
func (g *signOutGateway) push(token string, want int, lines ...string) string {
	g.Helper()
	response, body := g.post("/auth/signout", eventMedia, token, lines...)
	var why struct {
		Code        string `json:"err"`
		Description string `json:"description"`
	}
	if response.StatusCode != want || response.Header.Get("Cache-Control") != "no-store" {
		g.Errorf("status %d, want %d: %s", response.StatusCode, want, body)
	}
	if want >= 400 && want < 500 {
		if err := json.Unmarshal([]byte(body), &why); err != nil || why.Description == "" || response.Header.Get("Content-Type") != "application/json" {
			g.Errorf("the answer is %q", body)
		}
	} else if body != "" {
		g.Errorf("the answer is %q", body)
	}
	return why.Code
}

func TestPushedEventsSignOut(t *testing.T) {
	for _, event := range []string{
		"caep/event-type/session-revoked", "caep/event-type/credential-change", "risc/event-type/account-disabled",
		"risc/event-type/account-credential-change-required", "risc/event-type/credential-compromise",
		"risc/event-type/identifier-recycled", "oauth/event-type/tokens-revoked",
	} {
		t.Run(event, func(t *testing.T) {
			g := newSignOutGateway(t, "map sub to user\nmap email to attribute email", "")
			for name, test := range map[string]struct {
				subject func() map[string]any
				blog    bool
			}{
				"issuer and subject": {func() map[string]any { return map[string]any{"sub_id": g.idp.subject("ann")} }, false},
				"opaque": {func() map[string]any {
					return map[string]any{"sub_id": map[string]any{"format": "opaque", "id": "ann"}}
				}, false},
				"in the event": {func() map[string]any {
					return map[string]any{"events": map[string]any{
						"https://schemas.openid.net/secevent/" + event: map[string]any{"subject": g.idp.subject("ann")},
					}}
				}, false},
				"address": {func() map[string]any {
					return map[string]any{"sub_id": map[string]any{"format": "email", "email": "ann@example.com"}}
				}, true},
			} {
				var ann *harness.Browser
				if test.blog {
					ann = g.readBlog("ann")
				} else {
					ann = g.signIn("ann", "s1")
				}
				bob, bobsBlog := g.signIn("bob", "s2"), g.readBlog("bob")
				g.push(g.idp.eventToken(event, test.subject()), http.StatusAccepted)
				if got := ann.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "" {
					t.Errorf("%s: still %q", name, got)
				}
				g.expectUser(bob, "bob")
				g.expectUser(bobsBlog, "no-bob")
			}
		})
	}
}

// A subject that names the user with one session is about that session.
func TestPushedEventOfOneSession(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	first, second := g.signIn("ann", "s1"), g.signIn("ann", "s2")
	g.push(g.idp.eventToken("caep/event-type/session-revoked", map[string]any{"sub_id": map[string]any{
		"format": "complex", "user": g.idp.subject("ann"), "session": map[string]any{"format": "opaque", "id": "s1"},
	}}), http.StatusAccepted)
	g.expectUser(first, "")
	g.expectUser(second, "ann")
}

// An event of hours ago counts: a provider keeps events while a stream is out of reach. One that comes again is acknowledged
// again and changes nothing.
func TestPushedEventsComeLateAndTwice(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann := g.signIn("ann", "s1")
	token := g.idp.eventToken("caep/event-type/session-revoked", map[string]any{
		"sub_id": g.idp.subject("ann"), "iat": g.Clock.Now().Add(-20 * time.Hour).Unix(),
	})
	g.push(token, http.StatusAccepted)
	g.expectUser(ann, "")
	again := g.signIn("ann", "s2")
	before := countOfSignOuts(t, telemetry.SignOutByPush, telemetry.SignOutRepeated)
	g.push(token, http.StatusAccepted)
	g.expectUser(again, "ann")
	if got := countOfSignOuts(t, telemetry.SignOutByPush, telemetry.SignOutRepeated); got != before+1 {
		t.Errorf("the repetition is counted %v times", got-before)
	}
}

func TestPushedEventsThatDoNothing(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann := g.signIn("ann", "s1")
	ignored := func(event string) string {
		return g.idp.eventToken(event, map[string]any{"sub_id": g.idp.subject("ann")})
	}
	verification := func(kind string, claims map[string]any) string {
		return g.idp.eventToken(kind+"/event-type/verification", claims)
	}
	for _, test := range []struct{ outcome, token string }{
		{telemetry.SignOutIgnored, ignored("caep/event-type/device-compliance-change")},
		{telemetry.SignOutIgnored, ignored("caep/event-type/token-claims-change")},
		{telemetry.SignOutIgnored, ignored("risc/event-type/recovery-activated")},
		{telemetry.SignOutIgnored, ignored("risc/event-type/account-enabled")},
		{telemetry.SignOutIgnored, ignored("oauth/event-type/token-revoked")},
		{telemetry.SignOutVerified, verification("ssf", map[string]any{"sub_id": map[string]any{"format": "opaque", "id": "ann"}})},
		{telemetry.SignOutVerified, verification("risc", map[string]any{"events": map[string]any{
			"https://schemas.openid.net/secevent/risc/event-type/verification": map[string]any{"state": "x"},
		}})},
		{telemetry.SignOutNobody, g.idp.eventToken("caep/event-type/session-revoked", map[string]any{
			"sub_id": map[string]any{"format": "iss_sub", "iss": "https://other.example", "sub": "ann"},
		})},
	} {
		before := countOfSignOuts(t, telemetry.SignOutByPush, test.outcome)
		g.push(test.token, http.StatusAccepted)
		if got := countOfSignOuts(t, telemetry.SignOutByPush, test.outcome); got != before+1 {
			t.Errorf("%s is counted %v times", test.outcome, got-before)
		}
		g.expectUser(ann, "ann")
	}
}

func TestPushedEventsThatAreRefused(t *testing.T) {
	g := newSignOutGateway(t, "push_authorization \"Bearer push-secret\"", "")
	ann := g.signIn("ann", "s1")
	const event, right = "caep/event-type/session-revoked", "Authorization: Bearer push-secret"
	of := func(claims map[string]any) string {
		if claims["sub_id"] == nil {
			claims["sub_id"] = g.idp.subject("ann")
		}
		return g.idp.eventToken(event, claims)
	}
	good := of(map[string]any{})
	for name, test := range map[string]struct{ token, want string }{
		"another issuer":   {of(map[string]any{"iss": "https://evil.example"}), "invalid_issuer"},
		"another audience": {of(map[string]any{"aud": "other"}), "invalid_audience"},
		"a bad signature":  {good[:len(good)-10] + "AAAAAAAAAA", "invalid_key"},
		"no jti":           {of(map[string]any{"jti": nil}), "invalid_request"},
		"too old":          {of(map[string]any{"iat": g.Clock.Now().Add(-31 * 24 * time.Hour).Unix()}), "invalid_request"},
		"a bad subject":    {of(map[string]any{"sub_id": map[string]any{"format": "iss_sub"}}), "invalid_request"},
		"a logout token":   {g.idp.logoutToken(map[string]any{"sub": "ann"}), "invalid_request"},
		"nothing":          {"", "invalid_request"},
	} {
		if got := g.push(test.token, http.StatusBadRequest, right); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	for name, lines := range map[string][]string{
		"none": nil, "another": {"Authorization: Bearer push-secret2"}, "two": {right, right}, "no scheme": {"Authorization: push-secret"},
	} {
		if got := g.push(good, http.StatusUnauthorized, lines...); got != "authentication_failed" {
			t.Errorf("authorization %s: %q", name, got)
		}
	}
	g.expectUser(ann, "ann")
	g.push(good, http.StatusAccepted, right)
	g.expectUser(ann, "")
}

// An event that the store does not take is not acknowledged. It counts when it comes again.
func TestPushedEventsThatAreNotDurable(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	token := g.idp.eventToken("caep/event-type/session-revoked", map[string]any{"sub_id": g.idp.subject("ann")})
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	g.push(token, http.StatusServiceUnavailable)
	g.Load(g.options)
	before := countOfSignOuts(t, telemetry.SignOutByPush, telemetry.SignOutNobody)
	g.push(token, http.StatusAccepted)
	if got := countOfSignOuts(t, telemetry.SignOutByPush, telemetry.SignOutNobody); got != before+1 {
		t.Error("the event was not carried out when it came again")
	}
}

// eventStreamServer is a transmitter of a stream that is polled.
type eventStreamServer struct {
	*testing.T

	url string

	mutex   sync.Mutex
	failing bool
	waiting map[string]string // events that were not acknowledged
	acked   []string
	refused map[string]string // the codes by id
	sent    map[string]int
	changed chan struct{}
}

func newEventStream(t *testing.T) *eventStreamServer {
	t.Helper()
	s := &eventStreamServer{
		T: t, waiting: map[string]string{}, refused: map[string]string{}, sent: map[string]int{}, changed: make(chan struct{}, 1000),
	}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.url = server.URL + "/stream"
	return s
}

func (s *eventStreamServer) serve(w http.ResponseWriter, r *http.Request) {
	var question struct {
		Acknowledged []string `json:"ack"`
		Refused      map[string]struct {
			Code string `json:"err"`
		} `json:"setErrs"`
		MaxEvents int `json:"maxEvents"`
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	defer func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}()
	if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer stream-secret" ||
		json.NewDecoder(r.Body).Decode(&question) != nil || question.MaxEvents < 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.failing {
		s.failing = false
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	for _, id := range question.Acknowledged {
		s.acked = append(s.acked, id)
		delete(s.waiting, id)
	}
	for id, why := range question.Refused {
		s.refused[id] = why.Code
		delete(s.waiting, id)
	}
	for id := range s.waiting {
		s.sent[id]++
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"sets": s.waiting, "moreAvailable": false})
}

func (s *eventStreamServer) add(id, token string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.waiting[id] = token
}

// await waits until something holds, which is looked at after each question.
func (s *eventStreamServer) await(what string, holds func() bool) {
	s.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s.mutex.Lock()
		done := holds()
		s.mutex.Unlock()
		if done {
			return
		}
		select {
		case <-s.changed:
		case <-timeout:
			s.Fatalf("never: %s", what)
		}
	}
}

func (s *eventStreamServer) option() string {
	return "poll " + s.url + " {\nauthorization \"Bearer stream-secret\"\ninterval 20ms\n}"
}

func TestPolledEventsSignOut(t *testing.T) {
	stream := newEventStream(t)
	g := newSignOutGateway(t, stream.option(), "")
	ann, bob := g.signIn("ann", "s1"), g.readBlog("bob")
	const event = "caep/event-type/session-revoked"
	stream.add("e1", g.idp.eventToken(event, map[string]any{"jti": "e1", "sub_id": g.idp.subject("ann")}))
	stream.add("e2", g.idp.eventToken(event, map[string]any{"jti": "e2", "sub_id": map[string]any{"format": "email", "email": "bob@example.com"}}))
	stream.add("e3", g.idp.eventToken(event, map[string]any{"jti": "e3", "aud": "other", "sub_id": g.idp.subject("ann")}))
	stream.await("all events are answered", func() bool { return len(stream.waiting) == 0 })
	g.expectUser(ann, "")
	g.expectUser(bob, "")
	if len(stream.acked) != 2 || stream.refused["e3"] != "invalid_audience" {
		t.Errorf("acknowledged %q, refused %q", stream.acked, stream.refused)
	}
	// After a failure it goes on, and the event that came meanwhile is not lost.
	again := g.signIn("ann", "s2")
	stream.mutex.Lock()
	stream.failing = true
	stream.mutex.Unlock()
	stream.add("e4", g.idp.eventToken(event, map[string]any{"jti": "e4", "sub_id": g.idp.subject("ann")}))
	stream.await("the event after a failure is answered", func() bool { return len(stream.waiting) == 0 })
	g.expectUser(again, "")
}

// An event that was carried out before it was acknowledged, and before a reload, is acknowledged afterwards and counts once.
func TestPolledEventsAcrossAReload(t *testing.T) {
	stream := newEventStream(t)
	g := newSignOutGateway(t, stream.option(), "")
	const event = "caep/event-type/session-revoked"
	token := g.idp.eventToken(event, map[string]any{"jti": "r1", "sub_id": g.idp.subject("ann")})
	g.push(token, http.StatusAccepted)
	again := g.signIn("ann", "s2")
	old := g.App
	g.Load(g.options) // both poll for a while, as during a reload of Caddy
	stream.add("r1", token)
	stream.await("the event is acknowledged", func() bool { return len(stream.waiting) == 0 })
	again.URL, again.Client = g.URL, g.Server.Client()
	g.expectUser(again, "ann")
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	stream.add("r2", g.idp.eventToken(event, map[string]any{"jti": "r2", "sub_id": g.idp.subject("ann")}))
	stream.await("an event after the reload is acknowledged", func() bool { return len(stream.waiting) == 0 })
	g.expectUser(again, "")
}

// An event that the store does not take stays with the provider.
func TestPolledEventsThatAreNotDurable(t *testing.T) {
	stream := newEventStream(t)
	g := newSignOutGateway(t, stream.option(), "")
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	stream.add("n1", g.idp.eventToken("caep/event-type/session-revoked", map[string]any{"jti": "n1", "sub_id": g.idp.subject("ann")}))
	stream.await("the event is sent twice", func() bool { return stream.sent["n1"] >= 2 })
	stream.mutex.Lock()
	if len(stream.acked) > 0 {
		t.Errorf("acknowledged %q", stream.acked)
	}
	stream.mutex.Unlock()
	g.Load(g.options)
	stream.await("the event is acknowledged", func() bool { return len(stream.waiting) == 0 })
}

// request sends a request to revoke all tokens of a subject and expects a status.
func (g *signOutGateway) request(token, body string, want int) {
	g.Helper()
	var lines []string
	if token != "" {
		lines = []string{"Authorization: Bearer " + token}
	}
	response, answer := g.post("/auth/signout", "application/json", body, lines...)
	if response.StatusCode != want || response.Header.Get("Cache-Control") != "no-store" {
		g.Errorf("status %d, want %d: %s", response.StatusCode, want, answer)
	}
	if challenge := response.Header.Get("WWW-Authenticate"); (want == http.StatusUnauthorized) != strings.HasPrefix(challenge, "Bearer") {
		g.Errorf("status %d with the challenge %q", response.StatusCode, challenge)
	}
}

const requestType = "global-token-revocation+jwt"

func TestGlobalTokenRevocation(t *testing.T) {
	g := newSignOutGateway(t, "audience https://shop.example/auth/signout", "audience https://shop.example/auth/signout")
	of := func(claims map[string]any) string {
		claims["aud"] = "https://shop.example/auth/signout"
		return g.idp.sign(requestType, claims)
	}
	ann, bob, blog := g.signIn("ann", "s1"), g.signIn("bob", "s2"), g.readBlog("cid")
	body := func(sub string) string {
		return `{"sub_id":{"format":"iss_sub","iss":"` + g.idp.url + `","sub":"` + sub + `"}}`
	}
	token := of(map[string]any{"sub": "shop"})
	g.request(token, body("ann"), http.StatusNoContent)
	g.expectUser(ann, "")
	g.expectUser(bob, "bob")
	g.request(token, body("bob"), http.StatusUnauthorized) // a repetition, for somebody else
	g.expectUser(bob, "bob")
	g.request(of(map[string]any{}), `{"sub_id":{"format":"email","email":"cid@example.com"}}`, http.StatusNoContent)
	g.expectUser(blog, "")
	g.request(of(map[string]any{}), strings.Replace(body("bob"), "sub_id", "subject", 1), http.StatusNoContent) // as earlier drafts have it
	g.expectUser(bob, "")
	again := g.signIn("ann", "s3")
	g.expectUser(again, "ann")
}

func TestGlobalTokenRevocationRefuses(t *testing.T) {
	g := newSignOutGateway(t, "", "")
	ann := g.signIn("ann", "s1")
	body := `{"sub_id":{"format":"iss_sub","iss":"` + g.idp.url + `","sub":"ann"}}`
	for name, token := range map[string]string{
		"none":                  "",
		"text":                  "x",
		"a user's access token": g.idp.sign("at+jwt", map[string]any{"sub": "bob"}),
		"a user's token":        g.idp.sign("JWT", map[string]any{"sub": "bob"}),
		"an ID token":           g.idp.sign("JWT", map[string]any{"sub": "bob", "nonce": "n"}),
		"a logout token":        g.idp.logoutToken(map[string]any{"sub": "bob"}),
		"another audience":      g.idp.sign(requestType, map[string]any{"aud": "other"}),
		"another issuer":        g.idp.sign(requestType, map[string]any{"iss": "https://evil.example"}),
		"an old one":            g.idp.sign(requestType, map[string]any{"iat": g.Clock.Now().Add(-time.Hour).Unix()}),
	} {
		g.request(token, body, http.StatusUnauthorized)
		g.request(token, `{"sub_id":1}`, http.StatusUnauthorized) // who may not ask is told nothing of the body
		if got := ann.Get("/page").Received.Header.Get("OurApp-User-ID"); got != "ann" {
			t.Fatalf("%s signed out", name)
		}
	}
	token := g.idp.sign(requestType, map[string]any{})
	for _, malformed := range []string{"", "{}", "[]", `{"sub_id":"ann"}`, `{"sub_id":{"format":"email"}}`, body + "x", `{"sub_id":null}`} {
		g.request(token, malformed, http.StatusBadRequest)
	}
	g.request(token, `{"sub_id":{"format":"iss_sub","iss":"https://other.example","sub":"ann"}}`, http.StatusNotFound)
	g.expectUser(ann, "ann")
	if err := g.App.CloseStore(); err != nil {
		t.Fatal(err)
	}
	g.request(token, body, http.StatusServiceUnavailable)
	g.Load(g.options)
	g.request(token, body, http.StatusNoContent)
}

// A handler with a matcher answers what the matcher says. All other requests are the application's.
func TestSignOutPaths(t *testing.T) {
	g := newSignOutGateway(t, "path /bye", "")
	token := url.Values{"logout_token": {g.idp.logoutToken(map[string]any{"email": "x@example.com", "sub": "17"})}}.Encode()
	for _, test := range []struct {
		path string
		want int
	}{{"/bye", http.StatusOK}, {"/none", http.StatusBadRequest}} { // the second time it is a repetition
		if response, body := g.post(test.path, "application/x-www-form-urlencoded", token); response.StatusCode != test.want {
			t.Errorf("%s: status %d: %s", test.path, response.StatusCode, body)
		}
	}
	for _, path := range []string{"/", "/auth/signout", "/bye/more"} {
		if response, body := g.post(path, "application/x-www-form-urlencoded", token); !strings.HasPrefix(body, "hello") {
			t.Errorf("%s: status %d: %s", path, response.StatusCode, body)
		}
	}
}
