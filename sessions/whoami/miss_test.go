package whoami

import "testing"

func TestMiss(t *testing.T) {
	for _, test := range []struct {
		kind, place string
		status      int
		body        string
		header      []string
		want        Miss
	}{
		{"json", "user", 200, `{"user":"alice"}`, nil, ""},
		{"json", "user", 200, `{"user":null}`, nil, ""},
		{"json", "user", 200, `{"user":false}`, nil, ""},
		{"json", "user", 200, `{"user":""}`, nil, ""},
		{"json", "user.id", 200, `{"user":null}`, nil, ""},
		{"json", "user.id", 200, `{"user":{"id":null}}`, nil, ""},
		{"json", "user.id", 200, `{"user":{"name":"alice"}}`, nil, NoSuchPath},
		{"json", "user.id", 200, `{"account":{"id":7}}`, nil, NoSuchPath},
		{"json", "user.id", 200, `{}`, nil, NoSuchPath},
		{"json", "user.id", 200, `"alice"`, nil, NoSuchPath},
		{"json", "users.0.id", 200, `{"users":[]}`, nil, NoSuchPath},
		{"json", "user", 200, "<html>hello alice", nil, NotJSON},
		{"json", "user", 200, "", nil, NotJSON},
		{"json", "user", 200, "hello", []string{"Content-Type", "application/json"}, NotJSON},
		{"json", "user", 200, `{"account":1}`, []string{"Content-Type", "text/html"}, NoSuchPath},
		{"json", "user", 200, encode(t, "<html>", "gzip"), []string{"Content-Encoding", "gzip"}, NotJSON},
		{"json", "user", 200, "<html>", []string{"Content-Encoding", "compress"}, ""},
		{"json", "user", 200, `{"user":`, nil, ""}, // for which the outcome has a reason of its own
		{"json", "user", 404, "<html>", nil, ""},
		{"json", "user", 302, "", nil, ""},
		{"header", "X-User", 200, "<html>", nil, ""},
		{"regex", "user=(a)", 200, "<html>", nil, ""},
	} {
		page := &Page{User: mustParse(t, test.kind, test.place), MaxBody: DefaultMaxBody}
		if got := page.Miss(newAnswer(test.status, test.body, test.header...)); got != test.want {
			t.Errorf("%s %s in %d %q: %q, want %q", test.kind, test.place, test.status, test.body, got, test.want)
		}
	}
	if got := (&Page{MaxBody: 9}).Miss(newAnswer(200, "<html>")); got != "" {
		t.Errorf("a page without a place for the user: %q", got)
	}
}

func TestAnswerShows(t *testing.T) {
	for contentType, want := range map[string]string{
		"": "", "text/html": "text/html", "Text/HTML; charset=utf-8": "text/html", "text/html; a=\"b": "", "a b": "", "\x00": "",
	} {
		if got := newAnswer(200, "", "Content-Type", contentType).MediaType(); got != want {
			t.Errorf("%q: %q, want %q", contentType, got, want)
		}
	}
	for _, test := range []struct {
		status         int
		location, want string
	}{
		{302, "/login?next=%2Fme&sid=secret", "/login"},
		{303, "/login;jsessionid=secret", "/login"},
		{302, "", ""},
		{307, "https://id.example/login", "/login"},
		{200, "/login", ""},
		{401, "/login", ""},
	} {
		answer := newAnswer(test.status, "", "Location", test.location)
		answer.RequestURI = "/me"
		if got := answer.RedirectsTo(); got != test.want {
			t.Errorf("%d %s: %q, want %q", test.status, test.location, got, test.want)
		}
	}
}
