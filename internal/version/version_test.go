package version_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/version"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	other, ours := debug.Module{Path: "caddy"}, debug.Module{Path: version.Module, Version: "v0.1.0"}
	for name, test := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"nothing is known":        {nil, ""},
		"another program without": {&debug.BuildInfo{Main: other}, ""},
		"of xcaddy":               {&debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: "other", Version: "v9"}, &ours}}, "v0.1.0"},
		"of xcaddy, from a clone": {&debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: version.Module, Version: "v0.0.0", Replace: &debug.Module{Path: "/src"}}}}, ""},
		"of xcaddy, from a fork": {&debug.BuildInfo{Main: other, Deps: []*debug.Module{
			{Path: version.Module, Version: "v0.1.0", Replace: &debug.Module{Path: "fork", Version: "v0.1.1"}},
		}}, "v0.1.1"},
		"a clone":                      {&debug.BuildInfo{Main: ours, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}}, "abc"},
		"a clone with changes":         {&debug.BuildInfo{Main: ours, Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"}}}, "abc with changes"},
		"sources without their commit": {&debug.BuildInfo{Main: ours}, ""},
	} {
		if got := version.Build(test.info); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// The changelog has a section for this version: its own, or that of what is not released.
func TestChangelogHasTheVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	number, isDevelopment := strings.CutSuffix(version.Number, "-dev")
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(number) {
		t.Errorf("%s is no version", version.Number)
	}
	heading := "\n## " + number
	if isDevelopment {
		heading = "\n## Unreleased\n"
	}
	if !strings.Contains(string(text), heading) {
		t.Errorf("CHANGELOG.md has no section %q", strings.TrimSpace(heading))
	}
}
