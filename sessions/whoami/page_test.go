package whoami

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func mustParse(t testing.TB, kind, argument string) Extractor {
	t.Helper()
	extractor, err := ParseExtractor(kind, argument)
	if err != nil {
		t.Fatal(err)
	}
	return extractor
}

func wantOutcome(t *testing.T, got, want Outcome) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("outcome %#v, want %#v", got, want)
	}
}

func newAnswer(status int, body string, header ...string) Answer {
	answer := Answer{
		Status: status, Header: make(http.Header), Body: []byte(body), RequestURI: "/whoami",
		Received: time.Date(2024, 5, 6, 7, 8, 9, 500, time.UTC),
	}
	for i := 0; i < len(header); i += 2 {
		answer.Header.Add(header[i], header[i+1])
	}
	return answer
}

const alice = `{"user":"alice"}`

func TestStatus(t *testing.T) {
	page := &Page{User: mustParse(t, "json", "user"), MaxBody: DefaultMaxBody}
	for status, want := range map[int]Outcome{
		0:   CouldNotTell{Reason: NoHandler},
		101: CouldNotTell{Reason: UnexpectedStatus},
		200: Identified{User: "alice"},
		201: CouldNotTell{Reason: UnexpectedStatus},
		203: CouldNotTell{Reason: UnexpectedStatus},
		204: CouldNotTell{Reason: UnexpectedStatus},
		206: CouldNotTell{Reason: UnexpectedStatus},
		300: CouldNotTell{Reason: UnexpectedStatus},
		301: CouldNotTell{Reason: MovedPermanently},
		302: Nobody{Reason: Redirected},
		303: Nobody{Reason: Redirected},
		304: CouldNotTell{Reason: UnexpectedStatus},
		307: Nobody{Reason: Redirected},
		308: CouldNotTell{Reason: MovedPermanently},
		400: CouldNotTell{Reason: UnexpectedStatus},
		401: Nobody{Reason: Refused},
		403: Nobody{Reason: Refused},
		404: Nobody{Reason: NotFound},
		405: CouldNotTell{Reason: UnexpectedStatus},
		410: CouldNotTell{Reason: UnexpectedStatus},
		429: CouldNotTell{Reason: UnexpectedStatus},
		499: CouldNotTell{Reason: UnexpectedStatus},
		500: CouldNotTell{Reason: UnexpectedStatus},
		503: CouldNotTell{Reason: UnexpectedStatus},
	} {
		wantOutcome(t, page.Read(newAnswer(status, alice), nil), want)
	}
	wantOutcome(t, page.Read(Answer{}, nil), CouldNotTell{Reason: NoHandler})
	wantOutcome(t, page.Read(Answer{Failure: TimedOut}, nil), CouldNotTell{Reason: TimedOut})
	wantOutcome(t, new(Page).Read(newAnswer(200, alice), nil), CouldNotTell{Reason: NotConfigured})
}

func TestMovedPermanently(t *testing.T) {
	for name, test := range map[string]struct{ uri, location, want string }{
		"path":              {"/whoami", "/whoami/", "/whoami/"},
		"relative":          {"/account/me", "profile", "/account/profile"},
		"other host":        {"/whoami", "https://www.example.com/me", "/me"},
		"same path":         {"/whoami", "https://user:pw@www.example.com/whoami#x", "https://www.example.com/whoami"},
		"own query":         {"/?do=me", "/index?do=me", "/index?do=me"},
		"session in query":  {"/whoami", "/me?PHPSESSID=secret", "/me"},
		"another query":     {"/?do=me", "/index?sid=secret", "/index"},
		"session in path":   {"/whoami", "/a;v=1/me;jsessionid=secret", "/a/me"},
		"none":              {"/whoami", "", ""},
		"not a URL":         {"/whoami", "http://[::1", ""},
		"no path":           {"/whoami", "https://other.example.com", ""},
		"written as it is":  {"/whoami", "/a b", "/a%20b"},
		"control bytes":     {"/whoami", "/a\tb", ""},
		"too long to print": {"/whoami", "/" + strings.Repeat("x", maxLocation), ""},
		"page unknown":      {"", "/me", ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := newAnswer(308, "", "Location", test.location, "Age", "1")
			answer.RequestURI = test.uri
			wantOutcome(t, new(Page).Read(answer, nil), CouldNotTell{Reason: MovedPermanently, Location: test.want})
		})
	}
}

func TestFreshness(t *testing.T) {
	page := &Page{User: mustParse(t, "json", "user"), MaxBody: DefaultMaxBody}
	const (
		control = "Cache-Control"
		past    = "Thu, 19 Nov 1981 08:52:00 GMT"
		date    = "Mon, 06 May 2024 07:08:09 GMT"
		future  = "Mon, 06 May 2024 07:08:10 GMT"
	)
	for name, test := range map[string]struct {
		header []string
		want   Reason
	}{
		"nothing":                  {nil, ""},
		"age":                      {[]string{"Age", "0"}, FromCache},
		"age, private":             {[]string{"Age", "1", control, "private"}, FromCache},
		"max-age":                  {[]string{control, "max-age=60"}, Cacheable},
		"max-age in capitals":      {[]string{control, "Max-Age=60"}, Cacheable},
		"max-age 0":                {[]string{control, "max-age=0"}, ""},
		"max-age 00":               {[]string{control, "max-age=00"}, ""},
		"max-age quoted":           {[]string{control, `max-age="60"`}, Cacheable},
		"max-age negative":         {[]string{control, "max-age=-1"}, ""},
		"max-age without number":   {[]string{control, "max-age"}, ""},
		"max-age with a fraction":  {[]string{control, "max-age=010.5"}, Cacheable},
		"two max-ages":             {[]string{control, "max-age=0, max-age=60"}, Cacheable},
		"two lines":                {[]string{control, "max-age=0", control, "s-maxage=1"}, Cacheable},
		"s-maxage":                 {[]string{control, "s-maxage=60, max-age=0"}, Cacheable},
		"s-maxage 0":               {[]string{control, "s-maxage=0"}, ""},
		"private":                  {[]string{control, "private, max-age=60"}, ""},
		"private in another line":  {[]string{control, "max-age=60", control, "Private"}, ""},
		"private of a field":       {[]string{control, `private="Set-Cookie", max-age=60`}, Cacheable},
		"private inside quotes":    {[]string{control, `no-cache="a, private, b", max-age=60`}, Cacheable},
		"max-age inside quotes":    {[]string{control, `no-cache="a, max-age=60, b"`}, ""},
		"open quotes":              {[]string{control, `private="a, max-age=60`}, Cacheable},
		"no-store":                 {[]string{control, "no-store, max-age=60"}, ""},
		"no-cache":                 {[]string{control, "no-cache, max-age=60"}, ""},
		"no-cache of a field":      {[]string{control, `no-cache="Set-Cookie", max-age=60`}, Cacheable},
		"public without a time":    {[]string{control, "public"}, ""},
		"expired":                  {[]string{"Expires", past, "Date", date}, ""},
		"expires at once":          {[]string{"Expires", date, "Date", date}, ""},
		"expires later":            {[]string{"Expires", future, "Date", date}, Cacheable},
		"expires later, private":   {[]string{"Expires", future, "Date", date, control, "private"}, ""},
		"expires later, max-age 0": {[]string{"Expires", future, "Date", date, control, "max-age=0"}, ""},
		"expires never said":       {[]string{"Expires", "0"}, ""},
		"expires later, our clock": {[]string{"Expires", future}, Cacheable},
		"expires now, our clock":   {[]string{"Expires", date}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for status, otherwise := range map[int]Outcome{
				200: Identified{User: "alice"}, 302: Nobody{Reason: Redirected}, 404: Nobody{Reason: NotFound},
			} {
				want := otherwise
				if test.want != "" {
					want = CouldNotTell{Reason: test.want}
				}
				wantOutcome(t, page.Read(newAnswer(status, alice, test.header...), nil), want)
			}
		})
	}
}

func TestUser(t *testing.T) {
	for name, test := range map[string]struct {
		kind, argument string
		header         []string
		body           string
		want           Outcome
	}{
		"json text":             {"json", "user", nil, alice, Identified{User: "alice"}},
		"json text escaped":     {"json", "user", nil, `{"user":"\u0061lice"}`, Identified{User: "alice"}},
		"json integer":          {"json", "user", nil, `{"user":12345678901234567890}`, Identified{User: "12345678901234567890"}},
		"json negative":         {"json", "user", nil, `{"user":-7}`, Identified{User: "-7"}},
		"json fraction":         {"json", "user", nil, `{"user":1.0}`, CouldNotTell{Reason: BadUserID}},
		"json exponent":         {"json", "user", nil, `{"user":1e3}`, CouldNotTell{Reason: BadUserID}},
		"json null":             {"json", "user", nil, `{"user":null}`, Nobody{Reason: NoMatch}},
		"json false":            {"json", "user", nil, `{"user":false}`, Nobody{Reason: NoMatch}},
		"json true":             {"json", "user", nil, `{"user":true}`, CouldNotTell{Reason: BadUserID}},
		"json list":             {"json", "user", nil, `{"user":["alice"]}`, CouldNotTell{Reason: BadUserID}},
		"json object":           {"json", "user", nil, `{"user":{}}`, CouldNotTell{Reason: BadUserID}},
		"json empty":            {"json", "user", nil, `{"user":""}`, Nobody{Reason: NoMatch}},
		"json missing":          {"json", "user", nil, `{"name":"alice"}`, Nobody{Reason: NoMatch}},
		"json other case":       {"json", "user", nil, `{"User":"alice"}`, Nobody{Reason: NoMatch}},
		"json null on the way":  {"json", "user.id", nil, `{"user":null}`, Nobody{Reason: NoMatch}},
		"json zero":             {"json", "user", nil, `{"user":0}`, Nobody{Reason: NobodyValue}},
		"json null as text":     {"json", "user", nil, `{"user":"null"}`, Nobody{Reason: NobodyValue}},
		"json twice":            {"json", "user", nil, `{"user":"alice","user":"bob"}`, CouldNotTell{Reason: BadJSON}},
		"json twice the same":   {"json", "user", nil, `{"user":"alice","\u0075ser":"alice"}`, CouldNotTell{Reason: BadJSON}},
		"json twice elsewhere":  {"json", "user", nil, `{"user":"alice","a":[{"b":1,"b":2}]}`, CouldNotTell{Reason: BadJSON}},
		"json and more":         {"json", "user", nil, alice + alice, CouldNotTell{Reason: BadJSON}},
		"json cut off":          {"json", "user", nil, alice[:len(alice)-1], CouldNotTell{Reason: BadJSON}},
		"json not UTF-8":        {"json", "user", nil, "{\"user\":\"alice\",\"x\":\"\xff\"}", CouldNotTell{Reason: BadJSON}},
		"json list cut off":     {"json", "0", nil, ` ["alice"`, CouldNotTell{Reason: BadJSON}},
		"json behind a mark":    {"json", "user", nil, "\ufeff" + alice, Identified{User: "alice"}},
		"json with white space": {"json", "user", nil, "\n" + alice + " \n", Identified{User: "alice"}},
		"page instead of json":  {"json", "user", nil, "<html>Please sign in", Nobody{Reason: NoMatch}},
		"nothing":               {"json", "user", nil, "", Nobody{Reason: NoMatch}},

		"header":         {"header", "x-user", []string{"X-User", "alice"}, "", Identified{User: "alice"}},
		"header missing": {"header", "X-User", nil, "", Nobody{Reason: NoMatch}},
		"header empty":   {"header", "X-User", []string{"X-User", ""}, "", Nobody{Reason: NoMatch}},
		"header nobody":  {"header", "X-User", []string{"X-User", "0"}, "", Nobody{Reason: NobodyValue}},
		"header twice the same": {
			"header", "X-User", []string{"X-User", "alice", "X-User", "alice"}, "", Identified{User: "alice"},
		},
		"header twice": {
			"header", "X-User", []string{"X-User", "alice", "X-User", "bob"}, "", CouldNotTell{Reason: Ambiguous},
		},

		"regex":          {"regex", `<b id="me">(.*?)</b>`, nil, `Hi <b id="me">alice</b>!`, Identified{User: "alice"}},
		"regex missing":  {"regex", `<b id="me">(.*?)</b>`, nil, `Hi!`, Nobody{Reason: NoMatch}},
		"regex empty":    {"regex", `<b id="me">(.*?)</b>`, nil, `<b id="me"></b>`, Nobody{Reason: NoMatch}},
		"regex no group": {"regex", `me(=(\w+))?`, nil, `me`, Nobody{Reason: NoMatch}},
		"regex same":     {"regex", `uid=(\d+)`, nil, "uid=7 uid=7", Identified{User: "7"}},
		"regex other":    {"regex", `uid=(\d+)`, nil, "uid=7 uid=8", CouldNotTell{Reason: Ambiguous}},
		"regex nobody":   {"regex", `uid=(\d+)`, nil, "uid=0", Nobody{Reason: NobodyValue}},
		"regex name injected into a page for nobody": {
			"regex", `uid=(\d+)`, nil, "uid=0 comment: uid=7", CouldNotTell{Reason: Ambiguous},
		},
		"regex name injected beside an empty one": {
			"regex", `uid="(\d*)"`, nil, `uid="" comment: uid="7"`, CouldNotTell{Reason: Ambiguous},
		},
		"regex empty behind a name": {
			"regex", `uid="(\d*)"`, nil, `uid="7" uid=""`, CouldNotTell{Reason: Ambiguous},
		},
		"regex too often": {"regex", `(x)`, nil, strings.Repeat("x", maxMatches+1), CouldNotTell{Reason: Ambiguous}},
		"regex often":     {"regex", `(x)`, nil, strings.Repeat("x", maxMatches), Identified{User: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			user := mustParse(t, test.kind, test.argument)
			page := &Page{User: user, Nobody: []string{"0", "null"}, MaxBody: DefaultMaxBody}
			wantOutcome(t, page.Read(newAnswer(200, test.body, test.header...), nil), test.want)
		})
	}
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, user string
		want          bool
	}{
		{"", "alice", true},
		{"", "a,b@c~!", true},
		{"", "", false},
		{"", "two words", false},
		{"", "é", false},
		{"", "a\r\nb", false},
		{"", "a\x7f", false},
		{"", strings.Repeat("x", 256), true},
		{"", strings.Repeat("x", 257), false},
		{`\d+`, "42", true},
		{`\d+`, "42x", false},
		{`\d+`, "x42", false},
		{`a|ab`, "ab", true},
		{`(?m)^\d+$`, "42\n43", false},
		{`(?s).*`, "two words", false},
		{`.*`, strings.Repeat("x", 257), false},
		{`.*`, "", false},
	} {
		pattern := Pattern{}
		if test.pattern != "" {
			var err error
			if pattern, err = ParsePattern(test.pattern); err != nil {
				t.Fatal(err)
			}
		}
		if got := pattern.Match(test.user); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.user, got)
		}
	}
	for _, bad := range []string{"(", "a)|(b", "(?x"} {
		if _, err := ParsePattern(bad); err == nil || !strings.Contains(err.Error(), "parsing pattern") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	digits, err := ParsePattern(`\d+`)
	if err != nil {
		t.Fatal(err)
	}
	page := &Page{User: mustParse(t, "json", "user"), Pattern: digits, MaxBody: DefaultMaxBody}
	wantOutcome(t, page.Read(newAnswer(200, alice), nil), CouldNotTell{Reason: BadUserID})
}

func TestAttributes(t *testing.T) {
	page := &Page{
		User: mustParse(t, "header", "X-User"),
		Attributes: map[string]Extractor{
			"name":    mustParse(t, "json", "name"),
			"age":     mustParse(t, "json", "age"),
			"admin":   mustParse(t, "json", "admin"),
			"groups":  mustParse(t, "json", "groups"),
			"second":  mustParse(t, "json", "groups.1"),
			"nothing": mustParse(t, "json", "nothing"),
			"nested":  mustParse(t, "json", "nested"),
			"missing": mustParse(t, "json", "missing"),
			"plan":    mustParse(t, "header", "X-Plan"),
			"roles":   mustParse(t, "header", "X-Role"),
			"none":    mustParse(t, "header", "X-None"),
			"binary":  mustParse(t, "header", "X-Binary"),
			"word":    mustParse(t, "regex", `"name": "(\w+)`),
			"numbers": mustParse(t, "regex", `(\d+)`),
			"letters": mustParse(t, "regex", `(.)`),
		},
		MaxBody: DefaultMaxBody,
	}
	body := `{"name": "Zoë", "age": 42.50, "admin": true, "groups": ["a", 2, 2], "nothing": null, "nested": {"x": "y"}}`
	answer := newAnswer(200, body, "X-User", "zoe", "X-Plan", "gold", "X-Plan", "", "X-Role", "a", "X-Role", "b",
		"X-Binary", "\xff")
	wantOutcome(t, page.Read(answer, nil), Identified{User: "zoe", Attributes: sessions.Attributes{
		"name":    sessions.Text("Zoë"),
		"age":     sessions.Text("42.50"),
		"admin":   sessions.Text("true"),
		"groups":  sessions.List("a", "2", "2"),
		"second":  sessions.Text("2"),
		"nothing": {},
		"nested":  {},
		"missing": {},
		"plan":    sessions.Text("gold"),
		"roles":   sessions.List("a", "b"),
		"none":    {},
		"binary":  {},
		"word":    sessions.Text("Zo"),
		"numbers": sessions.List("42", "50", "2"),
		"letters": attributeOfLetters(body),
	}})

	page.Attributes = map[string]Extractor{"many": mustParse(t, "regex", "(x)"), "bad": mustParse(t, "json", "a")}
	answer = newAnswer(200, `{"a":"`+strings.Repeat("x", maxMatches+1), "X-User", "zoe")
	wantOutcome(t, page.Read(answer, nil), Identified{User: "zoe", Attributes: sessions.Attributes{"many": {}, "bad": {}}})
}

func attributeOfLetters(text string) sessions.Attribute {
	var letters []string
	for _, letter := range text {
		if !strings.Contains(strings.Join(letters, ""), string(letter)) {
			letters = append(letters, string(letter))
		}
	}
	return sessions.List(letters...)
}

func TestChangedCookies(t *testing.T) {
	page := &Page{User: mustParse(t, "json", "user"), MaxBody: DefaultMaxBody}
	asked := 0
	changed := func(setCookies []string) []string {
		asked++
		if len(setCookies) != 2 {
			t.Errorf("got %q", setCookies)
		}
		return []string{"session"}
	}
	answer := newAnswer(200, alice, "Set-Cookie", "session=new", "Set-Cookie", "x=y")
	wantOutcome(t, page.Read(answer, changed), CouldNotTell{Reason: ChangesSession, Cookies: []string{"session"}})
	wantOutcome(t, page.Read(answer, func([]string) []string { return nil }), Identified{User: "alice"})
	wantOutcome(t, page.Read(answer, nil), Identified{User: "alice"})
	wantOutcome(t, page.Read(newAnswer(200, alice), changed), Identified{User: "alice"})
	wantOutcome(t, page.Read(newAnswer(302, "", "Set-Cookie", "session=new"), changed), Nobody{Reason: Redirected})
	page.Rolling = true
	wantOutcome(t, page.Read(answer, changed), Identified{User: "alice"})
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestTruncated(t *testing.T) {
	page := &Page{User: mustParse(t, "json", "user"), MaxBody: DefaultMaxBody}
	for length, want := range map[string]Outcome{
		"16": Identified{User: "alice"},
		"17": CouldNotTell{Reason: Truncated},
		"15": CouldNotTell{Reason: Truncated},
		"x":  CouldNotTell{Reason: Truncated},
	} {
		wantOutcome(t, page.Read(newAnswer(200, alice, "Content-Length", length), nil), want)
	}
}

func TestParseExtractorRefuses(t *testing.T) {
	for _, test := range []struct{ kind, argument, want string }{
		{"", "x", "want json, header or regex"},
		{"xpath", "x", "want json, header or regex"},
		{"json", "", "a name is empty"},
		{"json", "a..b", "a name is empty"},
		{"json", "a.", "a name is empty"},
		{"json", `a\b`, "backslash"},
		{"json", `a\`, "backslash"},
		{"json", strings.Repeat("a.", maxPathSteps) + "a", "more than 32"},
		{"header", "", "not a header name"},
		{"header", "X User", "not a header name"},
		{"regex", "(", "parsing regex"},
		{"regex", "x", "parentheses"},
		{"regex", "(?:x)", "parentheses"},
	} {
		if _, err := ParseExtractor(test.kind, test.argument); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: %v, want %q", test.kind, test.argument, err, test.want)
		}
	}
}

func TestNotAsked(t *testing.T) {
	for err, want := range map[error]Reason{
		ErrBusy: Busy, http.ErrAbortHandler: Busy, nil: Busy, &PanicError{}: Panicked,
		context.Canceled: CallerLeft, fmt.Errorf("visiting: %w", context.DeadlineExceeded): CallerLeft,
	} {
		wantOutcome(t, NotAsked(err), CouldNotTell{Reason: want})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(200, alice, "", "", "user")
	f.Add(200, `{"a":[{"b":0}]}`, "gzip, br", "max-age=1", "a.0.b")
	f.Add(302, "", "deflate", `private="x`, "0")
	f.Add(200, "[1,2", "zstd", "", `a\.b`)
	f.Fuzz(func(t *testing.T, status int, body, encoding, control, path string) {
		user, err := ParseExtractor("json", path)
		if err != nil {
			if user != nil && user.(jsonExtractor).path != nil {
				t.Error("an extractor beside an error")
			}
			return
		}
		page := &Page{User: user, Nobody: []string{"0"}, MaxBody: 1000, Attributes: map[string]Extractor{
			"json": user, "header": mustParse(t, "header", "Cache-Control"), "regex": mustParse(t, "regex", "(a+)"),
		}}
		answer := newAnswer(status, body, "Content-Encoding", encoding, "Cache-Control", control)
		switch outcome := page.Read(answer, nil).(type) {
		case Identified:
			if status != 200 || !(Pattern{}).Match(outcome.User) || outcome.User == "0" || len(outcome.Attributes) != 3 {
				t.Errorf("status %d: %+v", status, outcome)
			}
		case Nobody:
			if outcome.Reason == "" {
				t.Error("nobody without a reason")
			}
		case CouldNotTell:
			if outcome.Reason == "" {
				t.Error("no telling without a reason")
			}
		default:
			t.Errorf("outcome %#v", outcome)
		}
	})
}

func TestAnswerPrintsNoSecrets(t *testing.T) {
	answer := newAnswer(200, "secret", "Set-Cookie", "session=secret")
	if text := fmt.Sprintf("%v %+v %#v %s", answer, answer, answer, answer); strings.Contains(text, "secret") {
		t.Error(text)
	}
	if text := fmt.Sprint(Answer{Failure: TimedOut}); text != "no answer: timed_out" {
		t.Error(text)
	}
}
