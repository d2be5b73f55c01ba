package validator

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestScanCookies(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  Cookies
	}{
		{"no line", nil, nil},
		{"an empty line", []string{""}, nil},
		{"one", []string{"sid=1"}, Cookies{{"sid", "1"}}},
		{"order is kept, over lines too", []string{"b=2; a=1", "c=3"}, Cookies{{"b", "2"}, {"a", "1"}, {"c", "3"}}},
		{"duplicates are kept", []string{"a=1; a=2", "a=1"}, Cookies{{"a", "1"}, {"a", "2"}, {"a", "1"}}},
		{"no space between", []string{"a=1;b=2"}, Cookies{{"a", "1"}, {"b", "2"}}},
		{"white space around is no part", []string{" \ta \t=\t 1 \t; b = 2 "}, Cookies{{"a", "1"}, {"b", "2"}}},
		{"white space inside is", []string{"a=1 2"}, Cookies{{"a", "1 2"}}},
		{"other blanks are", []string{"a=\u00a01\v"}, Cookies{{"a", "\u00a01\v"}}},
		{"quotes are", []string{`a="1"; b="x`}, Cookies{{"a", `"1"`}, {"b", `"x`}}},
		{"a quote does not hide a semicolon", []string{`a="1; b=2"`}, Cookies{{"a", `"1`}, {"b", `2"`}}},
		{"nothing is decoded", []string{"a=%41+%3B"}, Cookies{{"a", "%41+%3B"}}},
		{"cut at the first equals sign", []string{"a=b=c="}, Cookies{{"a", "b=c="}}},
		{"empty value", []string{"a=; b="}, Cookies{{"a", ""}, {"b", ""}}},
		{"empty name", []string{"=x"}, Cookies{{"", "x"}}},
		{"a segment without equals sign", []string{"a; b=2; ; ;"}, Cookies{{"b", "2"}}},
		{
			"bytes that net/http drops",
			[]string{"a=\\; b=x,y; c=é; d=\x7f; e=\x00"},
			Cookies{{"a", `\`}, {"b", "x,y"}, {"c", "é"}, {"d", "\x7f"}, {"e", "\x00"}},
		},
		{"names are case-sensitive", []string{"SID=1; sid=2"}, Cookies{{"SID", "1"}, {"sid", "2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ScanCookies(c.lines)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestScanCookiesLimits(t *testing.T) {
	pairs := func(n int) string { return strings.TrimSuffix(strings.Repeat("a=1;", n), ";") }
	for _, c := range []struct {
		name  string
		lines []string
		want  int // cookies, or -1
	}{
		{"180 pairs", []string{pairs(180)}, 180},
		{"181 pairs", []string{pairs(181)}, -1},
		{"180 pairs in two lines", []string{pairs(100), pairs(80)}, 180},
		{"181 pairs in two lines", []string{pairs(100), pairs(81)}, -1},
		{"180 lines", slices.Repeat([]string{"a=1"}, 180), 180},
		{"181 lines", slices.Repeat([]string{"a=1"}, 181), -1},
		{"181 segments without a name count too", []string{strings.Repeat(";", 180)}, -1},
		{"16 KiB", []string{"a=" + strings.Repeat("x", MaxCookieBytes-2)}, 1},
		{"16 KiB and a byte", []string{"a=" + strings.Repeat("x", MaxCookieBytes-1)}, -1},
		{"16 KiB in two lines", slices.Repeat([]string{"a=" + strings.Repeat("x", MaxCookieBytes/2-2)}, 2), 2},
		{"16 KiB and a byte in two lines", []string{"a=" + strings.Repeat("x", MaxCookieBytes-2), "b"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ScanCookies(c.lines)
			if c.want < 0 {
				if !errors.Is(err, ErrTooManyCookies) || got != nil {
					t.Errorf("got %d cookies, %v", len(got), err)
				}
				return
			}
			if err != nil || len(got) != c.want {
				t.Errorf("got %d cookies, %v; want %d", len(got), err, c.want)
			}
		})
	}
}

func TestDropCookies(t *testing.T) {
	for _, c := range []struct {
		name        string
		lines, want []string
	}{
		{"the only one", []string{"jwt=x"}, nil},
		{"the only one, with blanks", []string{" jwt = x ; "}, nil},
		{"the first", []string{"jwt=x; a=1; b=2"}, []string{"a=1; b=2"}},
		{"the last", []string{"a=1; b=2; jwt=x"}, []string{"a=1; b=2"}},
		{"in the middle", []string{"a=1; jwt=x; b=2"}, []string{"a=1; b=2"}},
		{"several times", []string{"jwt=x; a=1; jwt=y;jwt=; b=2"}, []string{"a=1; b=2"}},
		{"no blanks", []string{"a=1;jwt=x;b=2"}, []string{"a=1;b=2"}},
		{"odd blanks and quotes stay", []string{"a = \"1 ;\t jwt=x;  b=;c"}, []string{"a = \"1 ;  b=;c"}},
		{"one without equals sign stays", []string{"jwt; jwt=x"}, []string{"jwt"}},
		{"another case stays", []string{"JWT=x; jwt=y"}, []string{"JWT=x"}},
		{"a longer name stays", []string{"jwt2=x; xjwt=y; jwt=z"}, []string{"jwt2=x; xjwt=y"}},
		{"lines stay lines", []string{"a=1", "jwt=x", "b=2; jwt=y", "c=3"}, []string{"a=1", "b=2", "c=3"}},
		{"an empty line that was there stays", []string{"", "jwt=x", ""}, []string{"", ""}},
		{"nothing to drop", []string{"a=1;; ", "", ";"}, []string{"a=1;; ", "", ";"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := slices.Clone(c.lines)
			got := DropCookies(given, func(name string) bool { return name == "jwt" })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !slices.Equal(given, c.lines) {
				t.Errorf("the given lines were changed to %q", given)
			}
		})
	}
}

// cookieLines draws Cookie lines of the odd forms that clients send, with few names so that they repeat.
func cookieLines() *rapid.Generator[[]string] {
	blank := rapid.SampledFrom([]string{"", " ", "\t", "  "})
	segment := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"jwt", "sid", "a", "b", "", "JWT", "é"}).Draw(t, "name")
		equals := rapid.SampledFrom([]string{"=", "=", "=", ""}).Draw(t, "equals")
		value := rapid.StringOfN(rapid.SampledFrom([]rune(`ab="\ ,%é`)), 0, 6, -1).Draw(t, "value")
		return blank.Draw(t, "before") + name + blank.Draw(t, "after") + equals + value
	})
	line := rapid.Map(rapid.SliceOfN(segment, 0, 8), func(s []string) string { return strings.Join(s, ";") })
	return rapid.SliceOfN(line, 0, 4)
}

func TestDropNothingReturnsTheLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := cookieLines().Draw(t, "lines")
		got := DropCookies(lines, func(string) bool { return false })
		if !slices.Equal(got, lines) || len(lines) > 0 && &got[0] != &lines[0] {
			t.Fatalf("got %q", got)
		}
	})
}

// Each line is compared with what a plain reading of the rule gives: its kept segments joined again. Only separators
// and blanks in front of the first kept segment are free.
func TestDropKeepsAllElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := cookieLines().Draw(t, "lines")
		name := rapid.SampledFrom([]string{"jwt", "sid", "", "é"}).Draw(t, "drop")
		drop := func(candidate string) bool { return candidate == name }
		got := DropCookies(lines, drop)

		rest := got
		for _, line := range lines {
			want, dropped := plainDrop(line, drop)
			if dropped && want == "" {
				continue
			}
			if len(rest) == 0 {
				t.Fatalf("line %q is missing in %q", line, got)
			}
			if !dropped && rest[0] != line || dropped && strings.TrimLeft(rest[0], "; \t") != want {
				t.Fatalf("line %q became %q, want %q", line, rest[0], want)
			}
			rest = rest[1:]
		}
		if len(rest) > 0 {
			t.Fatalf("lines too many: %q", rest)
		}
		before, after := mustScan(t, lines), mustScan(t, got)
		if !slices.Equal(after, slices.DeleteFunc(before, func(c Cookie) bool { return c.Name == name })) {
			t.Fatalf("a scan of %q has %q", got, after)
		}
	})
}

func plainDrop(line string, drop func(string) bool) (kept string, dropped bool) {
	var segments []string
	for _, segment := range strings.Split(line, ";") {
		name, _, found := strings.Cut(segment, "=")
		if found && drop(strings.Trim(name, " \t")) {
			dropped = true
			continue
		}
		segments = append(segments, segment)
	}
	joined := strings.Join(segments, ";")
	if strings.Trim(joined, "; \t") == "" {
		return "", dropped
	}
	return strings.TrimLeft(joined, "; \t"), dropped
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func mustScan(t fataler, lines []string) Cookies {
	t.Helper()
	cookies, err := ScanCookies(lines)
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}

func FuzzScanCookies(f *testing.F) {
	f.Add("a=1; b=2", "c=3")
	f.Add("", ";;;")
	f.Add("=; = ;\t=\t", `a="x; jwt=1"`)
	f.Add(strings.Repeat("a=1;", 181), "")
	f.Add(strings.Repeat("x", MaxCookieBytes), "y")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		cookies, err := ScanCookies(lines)
		if err != nil {
			if cookies != nil {
				t.Fatalf("cookies beside an error: %d", len(cookies))
			}
			return
		}
		for _, cookie := range cookies {
			for _, text := range []string{cookie.Name, cookie.Value} {
				if text != strings.Trim(text, " \t") || strings.Contains(text, ";") {
					t.Fatalf("blanks or separators are left in %q", cookie)
				}
			}
		}
		all := func(string) bool { return true }
		if left := mustScan(t, DropCookies(lines, all)); len(left) != 0 {
			t.Fatalf("dropping all leaves %q", left)
		}
		none := func(string) bool { return false }
		if kept := DropCookies(lines, none); !slices.Equal(kept, lines) {
			t.Fatalf("dropping nothing gives %q", kept)
		}
		for _, dropped := range cookies[:min(3, len(cookies))] {
			drop := func(name string) bool { return name == dropped.Name }
			want := slices.DeleteFunc(slices.Clone(cookies), func(c Cookie) bool { return c.Name == dropped.Name })
			if got := mustScan(t, DropCookies(lines, drop)); !slices.Equal(got, want) {
				t.Fatalf("dropping %q leaves %q, want %q", dropped.Name, got, want)
			}
		}
	})
}
