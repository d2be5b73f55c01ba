package launch

import (
	"io"
	"strings"
	"testing"
)

func TestProgressReadsTheGoCommand(t *testing.T) {
	var shown progress
	for _, text := range []string{
		"go: downloading github.com/a/b v1.2.3\ngo: downloa", "ding github.com/c v0.0.1\nencoding/json\n", "github.com/a/b\n",
		"# github.com/c\n./c.go:3:2: undefined: x\n", "unfinished",
	} {
		if n, err := io.WriteString(&shown, text); n != len(text) || err != nil {
			t.Fatalf("writing: %d, %v", n, err)
		}
	}
	if shown.compiled != 2 || shown.downloaded != 2 {
		t.Errorf("%d packages, %d modules; want 2 and 2", shown.compiled, shown.downloaded)
	}
	if got, want := shown.messages(), "# github.com/c\n./c.go:3:2: undefined: x\nunfinished"; got != want {
		t.Errorf("messages %q, want %q", got, want)
	}
}

func TestStartedByGoRun(t *testing.T) {
	for executable, want := range map[string]bool{
		"/tmp/go-build123/b001/exe/example":                                     true,
		"/home/a/.cache/go-build/61/" + strings.Repeat("6b", 32) + "-d/example": true,
		"/home/a/.cache/go-build/61/" + strings.Repeat("6b", 32) + "/example":   false,
		"/usr/local/bin/example":                                                false,
		"/home/a/go-build/example":                                              false,
		"/tmp/go-build123/b001/example":                                         false,
	} {
		if got := startedByGoRun(executable); got != want {
			t.Errorf("startedByGoRun(%q) = %t", executable, got)
		}
	}
}
