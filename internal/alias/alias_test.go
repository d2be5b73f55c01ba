package alias

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Each line goes to the application as it is.
func TestCleanKeeps(t *testing.T) {
	names := NewNames("session", "app_session", "DW*")
	for _, line := range []string{
		"", "session=a", "a=1; session=x; b=2", "a=1;session=x;b=2", "session=", "session=\"x\"", "session=a b,c", `session=a\"b`,
		"app_session=x; session=y; DWabc=1; DW=2", "mysession=x; sessions=y; session2=z; session-x=1; session_x=1; xapp_session=1; D=1; session_=1; _session=2",
		"a=session; b=session=x; c=xsession=1; d=?session=1; url=https://a.example/?session=1&app_session=2",
		`a="x"; b="x\\"; c="a\"b"; d="Zm9v=="; e=x"y; f="a=\"b\""; g={"a":"b","c":1}`,
		"theme; a; =x; ==; ; ;; a=%73ession; tags=user,session; note=my session", "a=1;", "x=%3Bsession%3Dx; Version=1; $Path=/",
		"groups=C0001:1,C0002:1; date=Wed, 09 Jun 2021 10:18:14 GMT; name=J\xc3\xb6rg=; \xff\xfe=1; [x]=1; a[session]=1",
	} {
		lines := []string{line}
		kept, found := names.Clean(lines)
		if found.Kind != Nothing || len(kept) != 1 || kept[0] != line {
			t.Errorf("of %q remains %q: %v", line, kept, found)
		}
	}
}

// Each segment could be taken for a session cookie, or could hide one.
func TestCleanRemoves(t *testing.T) {
	names := NewNames("session", "app_session", ".legacy", "DW*", "long_prefix_*", "trail_")
	for _, segment := range []string{
		// case
		"Session=x", "SESSION=x", "App_Session=x", "dwabc=1", "Dw=1", ".LEGACY=1", "LONG_PREFIX_x=1", "ſession=x", "ſeſſion=x", "%C5%BFession=x",
		// what PHP reads as an underscore
		"app.session=x", "app session=x", "app[session=x", "app+session=x", "_legacy=x", "[legacy=x", "+legacy=x", "trail =x", "trail.=x", "Trail\t=x", "long.prefix.1=x", "app_session[]=x",
		"app_session[x]=1", "app.session[x][y]=1", "session[=1", "session[x]", "app session[,]=x", "app.session ", "app\x00session=x",
		// percent-decoding, as often as it may be done
		"%73ession=x", "se%73sion=x", "%2573ession=x", "%25%37%33ession=x", "%25252573ession=x", "app%2Esession=x",
		"app%2esession=x", "app%5Fsession=x", "app%20session=x", "session%5B%5D=x", "session%3D1=x", "session%00junk=x", "%u0073ession=x", "%%373ession=x",
		// trimming
		"session\x0b=x", "\x0bsession=x", "\x0csession=x", "\x1csession=x", "session\x00=x", "\x00session=x", "session\u00a0=x", "\u00a0session=x",
		"\u2003session=x", "session\u3000=x", "\ufeffsession=x", "session\xa0=x", "\x85session=x", "session\x7f=x", "+session=x", "session+=x",
		"%20session=x", "session%20=x", "%C2%A0session=x", "session%E2%80%83=x", "%09session=x", "session%0A=x", "session%00=x", "%A0session=x", "%u00A0session=x",
		"=session=x", "\"session=x", "(session=x", "/session=x", "{session=x", ",session=x", "@session\"=x", "session:=x", " \n session \r\n=x",
		// without a value
		"session", " session ", "SESSION", "app.session", "DWx", "%73ession",
		// in a value, where a parser separates
		"a=b session=x", "a=b\tsession=x", "a=b,session=x", "a=b, session=x", "a=b\x0csession=x", "a=b ,session =x", "a session=x", "a=b\u00a0session=x",
		"a=b c=d session=x", "a= session=x", "a=b Session=x", "a=b app.session=x", "a=b,app session=x", "a=b %73ession=x", "a=\"b\" session=x", "a=\"b session=x\"",
		"a=b =session=x", "a=b,(session=x", "a=b,session[x]=y", "session=x,session=y", "session=x session=y", "session=x DWa=y", "app_session=x, session=y", "a, session=x",
		// open quotes
		`a="x`, `a="`, `a= "x`, `a="x\"`, `a="x\\\"`, `a=b c="x`, `a=b,c="`, `a=x",b="`, `a="x" b="`, `a="x\" b="y`, `a==" `,
		// RFC 2109
		"$Version=1", "$version=1", "$VERSION = 1", `$Version="1"`, "a=b,$Version=1",
	} {
		for _, around := range [][2]string{{"", ""}, {"a=1; ", ""}, {"", "; b=2"}, {"a=1; session=x; ", ";b=2 ; c"}} {
			line := around[0] + segment + around[1]
			want := strings.TrimSuffix(around[0], "; ") + around[1]
			want = strings.TrimPrefix(want, "; ")
			kept, found := names.Clean([]string{line})
			if found.Kind == Nothing || strings.Join(kept, "|") != want || want == "" && kept != nil {
				t.Errorf("of %q remains %q, want %q: %v", line, kept, want, found)
			}
			if strings.Contains(found.Name, "x") && found.Name != "long_prefix_*" {
				t.Errorf("%q: found %v", line, found)
			}
		}
	}
}

// Several lines become one. What is around a session cookie's name and value goes.
func TestCleanJoins(t *testing.T) {
	names := NewNames("session", "other")
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"a=1", "b=2"}, "a=1; b=2"},
		{[]string{"a=1;", "b=2 "}, "a=1;; b=2 "},
		{[]string{"", "a=1", "", " b=2;c"}, "a=1; b=2;c"},
		{[]string{"a=1; Session=x", "session=y; B.=2"}, "a=1; session=y; B.=2"},
		{[]string{"Session=x; a=1", "SESSION=y; b=2"}, "a=1; b=2"},
		{[]string{"Session=x", ""}, ""},
		{[]string{"session = x ; a=1"}, "session=x; a=1"},
		{[]string{"a=1;\tsession\t=\tx"}, "a=1;\tsession=x"},
		{[]string{`session="x; a=1; b="2"; c=3; other="y`}, `session="x; a=1; c=3`},
		{[]string{`session="x`, `a="y"`, "b"}, `session="x; b`},
	} {
		before := slices.Clone(test.lines)
		if kept, _ := names.Clean(test.lines); strings.Join(kept, "|") != test.want || !slices.Equal(before, test.lines) {
			t.Errorf("of %q remains %q, want %q", test.lines, kept, test.want)
		}
	}
}

// The path that is asked for keeps all but the parameter.
func TestCleanPath(t *testing.T) {
	names := NewNames("JSESSIONID", "app_session")
	for path, want := range map[string]string{
		"/page.jsp;jsessionid=A1.node":                   "/page.jsp",
		"/page.jsp;JSESSIONID=A1":                        "/page.jsp",
		"/a;jSessionID=A1/b":                             "/a/b",
		"/a;x=1;jsessionid=A1;y=2/b;jsessionid=A2;z":     "/a;x=1;y=2/b;z",
		"/a;jsessionid":                                  "/a",
		"/a;jsessionid=":                                 "/a",
		"/;jsessionid=A1":                                "/",
		"/a;;jsessionid=A1;":                             "/a;;",
		"/a%3Bjsessionid=A1/b":                           "/a/b",
		"/a%3bjsessionid%3DA1":                           "/a",
		"/a%253Bjsessionid=A1":                           "/a",
		"/a%25253bjsessionid=A1":                         "/a",
		"/a%25%33%42jsessionid=A1":                       "/a",
		"/a;%6Asessionid=A1":                             "/a",
		"/a;%256A%73essionid=A1":                         "/a",
		"/a;%20jsessionid%09=A1":                         "/a",
		"/a;jsessionid%00x=A1":                           "/a",
		"/a;app.session=A1;app%20session=A2;app+session": "/a",
		"/a;jsessionid=A1%3Bx=2/b":                       "/a%3Bx=2/b",
		"/a;jsessionid=A1;jsessionid=A2":                 "/a",
		"/a;j%25":                                        "/a;j%25",
		"/a;xjsessionid=A1":                              "/a;xjsessionid=A1",
		"/a;jsessionid2=A1":                              "/a;jsessionid2=A1",
		"/a;x=jsessionid=A1":                             "/a;x=jsessionid=A1",
		"/jsessionid=A1/%2F%41%20;v=1.0/ü":               "/jsessionid=A1/%2F%41%20;v=1.0/ü",
		"/a%3Bx;%3B/%":                                   "/a%3Bx;%3B/%",
		"*":                                              "*",
		"":                                               "",
	} {
		if got := names.CleanPath(path); got != want {
			t.Errorf("of %q remains %q, want %q", path, got, want)
		}
	}
}

// What is kept is kept the second time too, and a second implementation, which is slow and plain, finds no session cookie
// at the beginning of what is kept but by the name itself.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{
		"a=1; session=x", "a=b session=x; Session=y", `a="; session=x; b="`, "%2573ession=x;session[1]", "$Version=1; app.session = \"", "a=b,app_session=\"\\\"; c",
		"\xc5\xbf", "session = x ", ";;;", "=;=", "%", "%u", "session%", "a\xa0=",
	} {
		f.Add(seed, "b=2")
		f.Add(seed, seed)
	}
	names := NewNames("session", "app_session", "DW*", "trail_", "_lead")
	f.Fuzz(func(t *testing.T, first, second string) {
		for segment := range strings.SplitSeq(first, ";") {
			name, value, hasValue := strings.Cut(segment, "=")
			if quick, slow := names.find(segment, name, value), names.search(segment, -1); hasValue && quick != slow {
				t.Fatalf("%q is found to be %v, and by searching %v", segment, quick, slow)
			}
		}
		kept, _ := names.Clean([]string{first, second})
		again, found := names.Clean(kept)
		if found.Kind != Nothing || !slices.Equal(kept, again) || len(kept) > 1 {
			t.Fatalf("of %q, %q remains %q, and then %q: %v", first, second, kept, again, found)
		}
		for segment := range strings.SplitSeq(strings.Join(kept, ""), ";") {
			name, _, hasValue := strings.Cut(segment, "=")
			exact := hasValue && names.isSession(strings.Trim(name, " \t"))
			folded := plainFold(name)
			if taken := folded == "session" || folded == "app_session" || strings.HasPrefix(folded, "dw"); taken && !exact {
				t.Fatalf("of %q, %q remains %q", first, second, segment)
			}
		}
	})
}

// plainFold decodes a name again and again, then trims it and lets PHP read it.
func plainFold(name string) string {
	for {
		decoded, err := url.PathUnescape(name)
		if err != nil || decoded == name {
			break
		}
		name = decoded
	}
	name, _, _ = strings.Cut(name, "\x00")
	name, _, _ = strings.Cut(strings.TrimFunc(name, func(char rune) bool { return unicode.IsSpace(char) || unicode.IsControl(char) }), "\x00")
	return strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(strings.ToLower(name))
}

// A cleaned path is clean, is a path still, and one without semicolons stays as it is.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"/a;jsessionid=1", "/a%3Bjsessionid=1/b", "/%253b%256asessionid", "/a%25;jsessionid=1;3Bjsessionid=2", "/%", "/a;;j%", "%%3b33b"} {
		f.Add(seed)
	}
	names := NewNames("JSESSIONID")
	f.Fuzz(func(t *testing.T, path string) {
		cleaned := names.CleanPath(path)
		if again := names.CleanPath(cleaned); again != cleaned {
			t.Fatalf("of %q remains %q, and then %q", path, cleaned, again)
		}
		if _, err := url.PathUnescape(path); err == nil {
			if _, err := url.PathUnescape(cleaned); err != nil {
				t.Fatalf("%q was a path, %q is none", path, cleaned)
			}
		}
		decoded := path
		for range maxDecoding {
			decoded, _ = url.PathUnescape(decoded)
		}
		if !strings.Contains(path, ";") && !strings.Contains(decoded, ";") && decoded != "" && cleaned != path {
			t.Fatalf("of %q remains %q", path, cleaned)
		}
		for parameter := range strings.SplitSeq(strings.ReplaceAll(cleaned, "/", ";"), ";") {
			name, _, _ := strings.Cut(parameter, "=")
			if position := strings.Index(cleaned, ";"+parameter); position >= 0 && strings.EqualFold(name, "jsessionid") {
				t.Fatalf("of %q remains %q", path, cleaned)
			}
		}
	})
}

// Nothing is allocated where there is nothing to do.
func TestCleanAllocatesNothing(t *testing.T) {
	names := NewNames("session", "DW*")
	lines := []string{`a=1; theme=%7B%22x%22%7D; session=0123456789abcdef; b="x"; Caf%C3%A9=1; _ga=GA1.2.3`}
	if allocated := testing.AllocsPerRun(100, func() { names.Clean(lines); names.CleanPath("/a%20b;v=1/c") }); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// BenchmarkClean has what most requests bring, once the token is taken out.
func BenchmarkClean(b *testing.B) {
	names := NewNames("sessionid")
	lines := []string{"_ga=GA1.2.1234567890.1234567890; theme=dark; csrftoken=" + strings.Repeat("x", 64) + "; sessionid=" + strings.Repeat("x", 32)}
	b.ReportAllocs()
	for b.Loop() {
		names.Clean(lines)
		names.CleanPath("/account/orders")
	}
}

// The time grows with the length alone, whatever stands in the line.
func BenchmarkCleanWorst(b *testing.B) {
	names := NewNames("session", "app_session", "DW*")
	for _, unit := range []string{"=", " ", ",", "a=", "a =", "a=b ", "a=b,", "%25", "%", "%u", `"`, `="`, "[", ";", "\xc5", "s", "%25%", "a,"} {
		line := []string{strings.Repeat(unit, 16<<10/len(unit))}
		b.Run(unit, func(b *testing.B) {
			for b.Loop() {
				names.Clean(line)
				names.CleanPath(line[0])
			}
		})
	}
}
