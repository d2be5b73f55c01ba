package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// EventStream is the type of an event stream.
const EventStream = "text/event-stream"

// Browser keeps cookies as they are told, and nothing else.
type Browser struct {
	*testing.T

	URL     string
	Host    string // the name that it knows the gateway by; empty: its address
	Client  *http.Client
	Cookies map[string]string
	Headers http.Header
}

// Reply is a response with its body, and what the legacy application received, if it did.
type Reply struct {
	*http.Response

	Text     string
	Received *Received
}

// TokenName is the token cookie of the realm shop on plain connections.
const TokenName = "jwt_shop"

// Received is what the legacy application got.
type Received struct {
	Method  string
	Path    string
	Header  http.Header
	Trailer http.Header
}

// Do sends a request. Header lines are "Name: value".
func (b *Browser) Do(method, path string, lines ...string) Reply {
	b.Helper()
	return b.Send(method, path, nil, lines...)
}

// Post sends a form.
func (b *Browser) Post(path string, form url.Values, lines ...string) Reply {
	b.Helper()
	return b.Send(http.MethodPost, path, strings.NewReader(form.Encode()),
		append(lines, "Content-Type: application/x-www-form-urlencoded")...)
}

// Send sends a request with a body. Header lines are "Name: value".
func (b *Browser) Send(method, path string, body io.Reader, lines ...string) Reply {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, b.URL+path, body)
	if err != nil {
		b.Fatal(err)
	}
	request.Host = b.Host
	maps.Copy(request.Header, b.Headers)
	for _, line := range lines {
		name, value, found := strings.Cut(line, ": ")
		if !found {
			continue
		}
		request.Header[name] = append(request.Header[name], value)
	}
	if line := b.CookieLine(); line != "" && request.Header["Cookie"] == nil {
		request.Header["Cookie"] = []string{line}
	}
	response, err := b.Client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	return b.take(response)
}

// Get sends a request for a page.
func (b *Browser) Get(path string, lines ...string) Reply {
	b.Helper()
	return b.Do(http.MethodGet, path, lines...)
}

// CookieLine returns the Cookie header that the browser sends: the session and the token first.
func (b *Browser) CookieLine() string {
	var pairs []string
	usual := []string{"session", TokenName, carrier.HostPrefix + TokenName}
	for _, name := range usual {
		if value, ok := b.Cookies[name]; ok {
			pairs = append(pairs, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Cookies)) {
		if !slices.Contains(usual, name) {
			pairs = append(pairs, name+"="+b.Cookies[name])
		}
	}
	return strings.Join(pairs, "; ")
}

// take keeps the cookies of a response and reads the rest of it.
func (b *Browser) take(response *http.Response) Reply {
	b.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	for _, cookie := range response.Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.Cookies, cookie.Name)
		} else {
			b.Cookies[cookie.Name] = cookie.Value
		}
	}
	result := Reply{Response: response, Text: string(body)}
	if response.Header.Get("X-Legacy") != "" {
		result.Received = new(Received)
		if err := json.Unmarshal([]byte(response.Header.Get("X-Legacy")), result.Received); err != nil {
			b.Fatal(err)
		}
	}
	return result
}

// TokenSet says what the response did to the token cookie: "set", "cleared" or "".
func (r Reply) TokenSet() string {
	result := ""
	for _, cookie := range r.Cookies() {
		if strings.HasSuffix(cookie.Name, TokenName) {
			if result != "" {
				return "more than once"
			}
			result = "set"
			if cookie.MaxAge < 0 {
				result = "cleared"
			}
		}
	}
	return result
}

// User returns the identity that the application received: the header's one value, or "".
func (r *Received) User(t *testing.T) string {
	t.Helper()
	if r == nil {
		t.Fatal("the request did not reach the application")
	}
	values := r.Header[http.CanonicalHeaderKey(identity.DefaultIdentityHeader)]
	if len(values) > 1 {
		t.Fatalf("the identity header came %d times", len(values))
	}
	return strings.Join(values, "")
}

// ToBearer moves the token from the cookie into Authorization.
func (b *Browser) ToBearer() {
	b.Headers.Set("Authorization", "Bearer "+b.Cookies[TokenName])
	delete(b.Cookies, TokenName)
}

// Sent returns the session cookie as the application received it.
func (r *Received) Sent(t *testing.T) string {
	t.Helper()
	if r == nil {
		t.Fatal("the request did not reach the application")
	}
	return strings.Join(r.Header["Cookie"], " | ")
}

// Combined says what the browser has in its cookie now.
func (b *Browser) Combined() (id, token string) { return validator.SplitCombined(b.Cookies["session"]) }

// WantCookie checks the session id in a combined cookie, and whether a token is with it.
func (b *Browser) WantCookie(what, id string, token bool) {
	b.Helper()
	gotID, gotToken := b.Combined()
	if gotID != id || (gotToken != "") != token {
		b.Errorf("%s: the browser has %q with a token: %t; want %q, %t", what, gotID, gotToken != "", id, token)
	}
}

// SignInByVariants signs in and keeps of the session what a browser keeps: the last value that was set.
func (b *Browser) SignInByVariants(user string) Reply {
	b.Helper()
	response := b.Do(http.MethodPost, "/login?user="+user)
	b.KeepVariant(response)
	return response
}

// KeepVariant keeps the last value of the session that the response sets, whatever its attributes.
func (b *Browser) KeepVariant(response Reply) {
	for _, cookie := range response.Cookies() {
		if cookie.Name == "session" && cookie.MaxAge >= 0 {
			b.Cookies["session"] = cookie.Value
		}
	}
}

// HostGet asks for a page of a host with these cookies.
func (b *Browser) HostGet(host, cookies string) Reply {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.URL+"/page", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Cookie", cookies)
	response, err := b.Client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	return b.take(response)
}

// Status sends a request line as it is, and returns the status of the answer.
func (b *Browser) Status(method, target string, lines ...string) int {
	b.Helper()
	var dialer net.Dialer
	host := strings.TrimPrefix(b.URL, "http://")
	connection, err := dialer.DialContext(b.Context(), "tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	if cookies := b.CookieLine(); cookies != "" {
		lines = append(lines, "Cookie: "+cookies)
	}
	_, _ = fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n\r\n",
		method, target, host, strings.Join(lines, "\r\n"))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		b.Fatalf("%s: %v", target, err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Kept returns the cookies as somebody keeps them who does not do as he is told.
func (b *Browser) Kept(names ...string) map[string]string {
	kept := make(map[string]string)
	for _, name := range names {
		if value, ok := b.Cookies[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// Cleared returns the names of those cookies that the response takes from the browser.
func (r Reply) Cleared() []string {
	var names []string
	for _, cookie := range r.Cookies() {
		if cookie.MaxAge < 0 && !strings.HasSuffix(cookie.Name, TokenName) {
			names = append(names, cookie.Name)
		}
	}
	slices.Sort(names)
	return names
}

// SessionUpstream reports whether any session cookie reached the application.
func (r Reply) SessionUpstream(t *testing.T) bool {
	t.Helper()
	if r.Received == nil {
		t.Fatalf("status %d: the request did not reach the application", r.StatusCode)
	}
	return strings.Contains(strings.Join(r.Received.Header["Cookie"], "; "), "session=")
}
