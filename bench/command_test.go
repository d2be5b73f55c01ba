package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/paths"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
)

// The children of a test are the test's own program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == process.Command || os.Args[1] == process.CaddyCommand) {
		main()
		return
	}
	os.Exit(m.Run())
}

// run runs the command and returns what it printed.
func run(arguments ...string) (out, progress string, err error) {
	var printed, said bytes.Buffer
	cmd := command()
	cmd.SetArgs(arguments)
	cmd.SetOut(&printed)
	cmd.SetErr(&said)
	err = cmd.Execute()
	return printed.String(), said.String(), err
}

func TestHelp(t *testing.T) {
	out, _, err := run("--help")
	for _, want := range []string{"Examples:", "Exit codes:", "--parts", "--passes", "--sessions", "--check", "--docs", "chart"} {
		if !strings.Contains(out, want) {
			t.Errorf("the help lacks %s", want)
		}
	}
	if err != nil || strings.Contains(out, "play") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, arguments := range []string{
		"--parts paths,other", "--passes 0", "--time 0s", "--time 21s", "--users 0", "--filled -1", "--sessions 9", "--revocations 0",
		"--check time", "--check allocations --docs page.md", "more",
	} {
		if _, _, err := run(strings.Fields(arguments)...); err == nil {
			t.Errorf("accepted %s", arguments)
		}
	}
}

// The check measures in processes of its own, says how far it is, and fails where a path allocates more than its bound.
func TestCheckAllocations(t *testing.T) {
	all := paths.All
	defer func() { paths.All = all }()
	paths.All = append([]paths.Path(nil), all[:1]...)
	paths.All[0].Bound = paths.Bound{Allocations: 1000, Bytes: 1_000_000} // the race detector allocates too
	arguments := []string{"--check", "allocations", "--users", "20", "--time", "50ms", "--dir", t.TempDir()}
	out, progress, err := run(arguments...)
	if err != nil || !strings.Contains(out, "| "+all[0].Name+" |") || !strings.Contains(progress, "paths 3/3: ") {
		t.Fatalf("%v\n%s\n%s", err, out, progress)
	}
	paths.All[0].Bound.Allocations = 1
	if out, _, err := run(arguments...); !errors.Is(err, errAboveBound) || !strings.Contains(out, "**too many**") {
		t.Errorf("a path above its bound: %v\n%s", err, out)
	}
}

// A part's table is printed with the machine that it is from.
func TestPartServer(t *testing.T) {
	out, _, err := run("--parts", "server", "--passes", "1", "--users", "20", "--filled", "100", "--time", "20ms", "--dir", t.TempDir())
	if err != nil || !strings.Contains(out, "| session hit and mint |") || !strings.Contains(out, "Measured on ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestChart(t *testing.T) {
	out, _, err := run("chart", "--page", page)
	if err != nil || !strings.HasPrefix(out, "<svg ") || !strings.Contains(out, breakeven.Rows()[4]) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := run("chart", "--page", "missing.md"); err == nil {
		t.Error("a page that is not there is drawn")
	}
}
