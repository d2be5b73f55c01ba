package validator

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestKeepCookies(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"no line", nil, nil},
		{"nothing to keep", []string{"a=1; b=2", "c"}, nil},
		{"one of three", []string{"a=1; sid=x; b=2"}, []string{"sid=x"}},
		{"several lines become one", []string{"sid=x; a=1", "b=2; lb=7"}, []string{"sid=x; lb=7"}},
		{"both of one name", []string{"sid=x; sid=y", "sid=x"}, []string{"sid=x; sid=y; sid=x"}},
		{"bytes stay", []string{"sid =\t\"x,\xff%41= ;a=1"}, []string{"sid =\t\"x,\xff%41="}},
		{"a quote hides no pair", []string{`sid="x; remember=r; y"`}, []string{`sid="x`}},
		{"a name in another case", []string{"SID=x; sid=y"}, []string{"sid=y"}},
		{"no equals sign", []string{"sid; remember; sid=x; lb"}, []string{"sid=x"}},
		{"no name", []string{"=sid; =sid=x; ;;"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := KeepCookies(c.lines, func(name string) bool { return name == "sid" || name == "lb" })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is kept is read as those pairs of the given lines, and as nothing else.
func TestKeepCookiesKeepsNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := cookieLines().Draw(t, "lines")
		keep := func(name string) bool { return name == "sid" || name == "é" }
		got := mustScan(t, KeepCookies(lines, keep))
		want := slices.DeleteFunc(mustScan(t, lines), func(c Cookie) bool { return !keep(c.Name) })
		if !slices.Equal(got, want) {
			t.Fatalf("of %q a scan has %q, want %q", lines, got, want)
		}
	})
}

func FuzzKeepCookies(f *testing.F) {
	f.Add("a=1; sid=2", "sid=3")
	f.Add("sid; =sid; sid = \t", `sid="x; remember=1"`)
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		cookies, err := ScanCookies(lines)
		if err != nil {
			return
		}
		keep := func(name string) bool { return name == "sid" }
		kept := KeepCookies(lines, keep)
		want := slices.DeleteFunc(cookies, func(c Cookie) bool { return !keep(c.Name) })
		if got := mustScan(t, kept); len(kept) > 1 || !slices.Equal(got, want) {
			t.Fatalf("kept %q of %q, want %q", kept, lines, want)
		}
	})
}
