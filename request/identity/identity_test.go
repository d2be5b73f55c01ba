package identity

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func prepareIdentity(t testing.TB, headers ...Header) Headers {
	t.Helper()
	prepared, err := (&Options{Headers: headers}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

func TestIdentityPrepare(t *testing.T) {
	for _, test := range []struct {
		name     string
		identity Options
		headers  []Header
		folded   []string
	}{
		{"nothing said", Options{}, []Header{{Name: "OurApp-User-ID"}}, []string{"ourapp-user-id"}},
		{"off", Options{Off: true}, nil, []string{"ourapp-user-id"}},
		{
			"an attribute and no user id",
			Options{Off: true, Headers: []Header{{Name: "X-Role", Attribute: "role"}}},
			[]Header{{Name: "X-Role", Attribute: "role"}},
			[]string{"ourapp-user-id", "x-role"},
		},
		{
			"another header for the user id",
			Options{Headers: []Header{{Name: "X-User"}}},
			[]Header{{Name: "X-User"}},
			[]string{"ourapp-user-id", "x-user"},
		},
		{
			"attributes beside the default",
			Options{Headers: []Header{{Name: "X_Role", Attribute: "role"}}},
			[]Header{{Name: "X_Role", Attribute: "role"}, {Name: "OurApp-User-ID"}},
			[]string{"ourapp-user-id", "x-role"},
		},
		{
			"the user id in two headers",
			Options{Headers: []Header{{Name: "X-User"}, {Name: "Remote-User"}}},
			[]Header{{Name: "X-User"}, {Name: "Remote-User"}},
			[]string{"ourapp-user-id", "remote-user", "x-user"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			prepared, err := test.identity.Prepare()
			if err != nil || !slices.Equal(prepared.Headers, test.headers) || !slices.Equal(prepared.folded, test.folded) {
				t.Errorf("got %+v, %v; want headers %v, folded %q", prepared, err, test.headers, test.folded)
			}
		})
	}
}

func TestIdentityPrepareRefuses(t *testing.T) {
	for name, identity := range map[string]Options{
		"off and a header":        {Off: true, Headers: []Header{{Name: "X-User"}}},
		"one name twice":          {Headers: []Header{{Name: "X-User"}, {Name: "X-User"}}},
		"two spellings":           {Headers: []Header{{Name: "X-User"}, {Name: "x_user", Attribute: "role"}}},
		"an attribute by default": {Headers: []Header{{Name: "ourapp_user_id", Attribute: "role"}}},
		"no header name":          {Headers: []Header{{Name: "X User"}}},
		"empty":                   {Headers: []Header{{}}},
		"reserved attribute":      {Headers: []Header{{Name: "X-A", Attribute: "exp"}}},
		"the attribute id":        {Headers: []Header{{Name: "X-A", Attribute: "id"}}},
		"no attribute name":       {Headers: []Header{{Name: "X-A", Attribute: "a.b"}}},
	} {
		if prepared, err := identity.Prepare(); err == nil || prepared.Headers != nil || prepared.folded != nil {
			t.Errorf("%s: got %+v, %v; want an error and nothing else", name, prepared, err)
		}
	}
	for _, name := range []string{
		"Host", "cookie", "COOKIE", "Cookie2", "Set_Cookie", "Authorization", "Proxy.Authorization", "Connection",
		"Content-Type", "Content_Length", "content-md5", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Via", "Origin",
		"Referer", "Range", "Expect", "Forwarded", "X-Forwarded-For", "x_forwarded_user", "Sec-Fetch-Mode", "HTTP_X_User",
		"Keep-Alive", "Proxy-Connection", "Max-Forwards", "HTTP2-Settings",
	} {
		_, err := (&Options{Headers: []Header{{Name: name}}}).Prepare()
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got the error %v, want one that names it", name, err)
		}
	}
}

// A name is ours if it folds to one of ours, with or without the prefix that CGI gives to headers.
func TestIdentityOwnsProperty(t *testing.T) {
	identity := prepareIdentity(t, Header{Name: "X-User"}, Header{Name: "App9_Role", Attribute: "role"})
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"OurApp-User-ID", "X-User", "App9_Role", "X-Users", "X-Use", "User", "HTTP-", ""}).
			Draw(t, "name")
		name = rapid.SampledFrom([]string{"", "", "HTTP_", "http-", "HTTP-HTTP-", "-"}).Draw(t, "prefix") + name
		name = respell(t, name)
		folded := Fold(name)
		want := slices.Contains(identity.folded, folded) ||
			slices.Contains(identity.folded, strings.TrimPrefix(folded, "http-"))
		if got := identity.Owns(name); got != want {
			t.Errorf("owns(%q) is %v, folded %q", name, got, folded)
		}
	})
}

// respell writes the name in another case and with other characters between the words.
func respell(t *rapid.T, name string) string {
	spelled := []byte(name)
	for i, char := range spelled {
		letter := 'a' <= char|0x20 && char|0x20 <= 'z'
		switch {
		case letter && rapid.Bool().Draw(t, "other case"):
			spelled[i] = char ^ 0x20
		case !letter && (char < '0' || char > '9'):
			spelled[i] = rapid.SampledFrom([]byte("-_.!#$%&'*+^`|~ \x00\xff")).Draw(t, "between")
		}
	}
	return string(spelled)
}

func TestFoldsToIsFoldHeaderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		other := string(rapid.SliceOf(rapid.Byte()).Draw(t, "other"))
		if !foldsTo(name, Fold(name)) {
			t.Errorf("foldsTo(%q, %q) is false", name, Fold(name))
		}
		if got, want := foldsTo(name, Fold(other)), Fold(name) == Fold(other); got != want {
			t.Errorf("foldsTo(%q, fold of %q) is %v", name, other, got)
		}
		folded := Fold(name)
		if Fold(folded) != folded || strings.Trim(folded, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("folding %q gives %q", name, folded)
		}
	})
}

func TestIdentityStripKeepsTheRest(t *testing.T) {
	identity := prepareIdentity(t, Header{Name: "X-Role", Attribute: "role"})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Ourapp-User-Id": {"mallory"}, "ourapp_user_id": {"mallory"}, "X-Role": {"a", "b"}, "Http.x.role": {"admin"},
		"X-Roles": {"kept"}, "Cookie": {"a=b"}, "Authorization": {"Bearer x"}, "User-Agent": {"test"},
		"Connection": {"close, ourapp-user-id"},
	}
	identity.Strip(r)
	want := http.Header{
		"Connection": {"close"}, "X-Roles": {"kept"}, "Cookie": {"a=b"}, "Authorization": {"Bearer x"}, "User-Agent": {"test"},
	}
	if !maps.EqualFunc(r.Header, want, slices.Equal) {
		t.Errorf("left is %v", r.Header)
	}
}

// The zero value must not let the default header through.
func TestIdentityOffStripsTheDefault(t *testing.T) {
	off, err := (&Options{Off: true}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(DefaultIdentityHeader, "mallory")
	off.Strip(r)
	off.Set(r, &Principal{User: "alice"})
	if len(r.Header) != 0 {
		t.Errorf("left is %v", r.Header)
	}
}

func TestStripConnection(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string // empty: no header at all
	}{
		{[]string{"close"}, "close"},
		{[]string{"Keep-Alive"}, "Keep-Alive"},
		{[]string{"Upgrade, HTTP2-Settings"}, "Upgrade, HTTP2-Settings"},
		{[]string{"TE"}, "TE"},
		{[]string{"OurApp-User-ID"}, ""},
		{[]string{"close, ourapp-user-id"}, "close"},
		{[]string{"cookie", "Authorization"}, ""},
		{[]string{"keep-alive", "X-Anything,\tupgrade ,"}, "keep-alive, upgrade"},
		{[]string{"closed"}, ""},
		{[]string{""}, ""},
	} {
		header := http.Header{"Connection": test.lines}
		stripConnection(header)
		lines, present := header["Connection"]
		if present != (test.want != "") || strings.Join(lines, "|") != test.want {
			t.Errorf("%q: left is %q, present %v; want %q", test.lines, lines, present, test.want)
		}
	}
	header := http.Header{"Accept": {"*/*"}}
	stripConnection(header)
	if len(header) != 1 {
		t.Errorf("without Connection: left is %v", header)
	}
}

// lateTrailer is a body after which the trailers get their values, as net/http has it: with the read that ends it.
type lateTrailer struct {
	io.Reader

	fill   func()
	closed bool
}

func (b *lateTrailer) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		b.fill()
	}
	return n, err
}

func (b *lateTrailer) Close() error {
	b.closed = true
	return nil
}

func TestStripTrailers(t *testing.T) {
	failure := errors.New("connection lost")
	for _, end := range []error{io.EOF, failure} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Trailer = http.Header{"Ourapp-User-Id": nil, "Http_ourapp_user_id": nil, "X-Checksum": nil}
		trailer := r.Trailer
		body := &lateTrailer{Reader: io.MultiReader(strings.NewReader("hello"), failingReader{end}), fill: func() {
			trailer["Ourapp-User-Id"] = []string{"mallory"}
			trailer["ourapp_user.id"] = []string{"mallory"}
			trailer["X-Checksum"] = []string{"1"}
		}}
		r.Body = body
		prepareIdentity(t).Strip(r)
		if len(r.Trailer) != 1 {
			t.Errorf("announced to the next handler: %v", r.Trailer)
		}
		text, err := io.ReadAll(r.Body)
		if string(text) != "hello" || !errors.Is(err, failure) && end == failure || err != nil && end == io.EOF {
			t.Errorf("read %q, %v", text, err)
		}
		if len(r.Trailer) != 1 || r.Trailer.Get("X-Checksum") != "1" {
			t.Errorf("after the body: %v", r.Trailer)
		}
		if err := r.Body.Close(); err != nil || !body.closed {
			t.Errorf("closing: %v, closed %v", err, body.closed)
		}
	}
}

// failingReader ends with an error.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestStripTrailersLeavesBodiesWithoutTrailersAlone(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello"))
	body := r.Body
	prepareIdentity(t).Strip(r)
	if r.Body != body {
		t.Error("a body without trailers was wrapped")
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.Body, r.Trailer = http.NoBody, http.Header{"Ourapp-User-Id": {"mallory"}}
	prepareIdentity(t).Strip(r)
	if r.Body != http.NoBody || len(r.Trailer) != 0 {
		t.Errorf("no body: wrapped %v, trailers %v", r.Body != http.NoBody, r.Trailer)
	}
}

func TestIdentitySet(t *testing.T) {
	identity := prepareIdentity(t,
		Header{Name: "OurApp-User-ID"}, Header{Name: "X-Role", Attribute: "role"},
		Header{Name: "X-Groups", Attribute: "groups"}, Header{Name: "X-Absent", Attribute: "absent"})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	identity.Set(r, &Principal{User: "alice", Attributes: sessions.Attributes{
		"role": sessions.Text("shop keeper"), "groups": sessions.List("a", "b"), "other": sessions.Text("x"),
	}})
	want := http.Header{"Ourapp-User-Id": {"alice"}, "X-Role": {"shop keeper"}, "X-Groups": {"a,b"}}
	if !maps.EqualFunc(r.Header, want, slices.Equal) {
		t.Errorf("got %v", r.Header)
	}
}

func TestHeaderValue(t *testing.T) {
	for _, test := range []struct {
		attribute sessions.Attribute
		want      string // empty: none
	}{
		{sessions.Attribute{}, ""},
		{sessions.Text(""), ""},
		{sessions.Text("a b"), "a b"},
		{sessions.Text("a, b"), "a, b"},
		{sessions.Text(" a"), ""},
		{sessions.Text("a "), ""},
		{sessions.Text("a\r\nb"), ""},
		{sessions.Text("a\tb"), ""},
		{sessions.Text("a\x7f"), ""},
		{sessions.Text("é"), ""},
		{sessions.Text("!~"), "!~"},
		{sessions.List(), ""},
		{sessions.List("a"), "a"},
		{sessions.List("a", "b c"), "a,b c"},
		{sessions.List("a", "b,c"), "a"},
		{sessions.List("b,c", "a", "d,", "e f"), "a,e f"},
		{sessions.List(",", "b,c"), ""},
		{sessions.List("a", "b,c", "é"), ""},
		{sessions.List("a", ""), ""},
		{sessions.List("a", "b\n"), ""},
	} {
		if got, ok := headerValue(test.attribute); got != test.want || ok != (test.want != "") {
			t.Errorf("%q: got %q, %v; want %q", test.attribute.Texts(), got, ok, test.want)
		}
	}
}
