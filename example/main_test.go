package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.Run(m)) }

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		arguments string
		want      options
		err       string // a part of the error; empty: none
	}{
		{arguments: "", want: options{listen: "127.0.0.1:8080", anyPort: true}},
		{arguments: "--listen 127.0.0.1:0 --dir /d", want: options{listen: "127.0.0.1:0", dir: "/d"}},
		{arguments: "-listen=localhost:81", want: options{listen: "localhost:81"}},
		{arguments: "--listen [::1]:81", want: options{listen: "[::1]:81"}},
		{arguments: "--listen 0.0.0.0:8080", err: "loopback"},
		{arguments: "--listen :8080", err: "loopback"},
		{arguments: "--listen 192.0.2.1:8080", err: "loopback"},
		{arguments: "--listen example.test:8080", err: "loopback"},
		{arguments: "--listen 8080", err: `"8080"`},
		{arguments: "--port 8080", err: "port"},
		{arguments: "now", err: `"now"`},
	} {
		got, err := parseOptions(strings.Fields(test.arguments), io.Discard)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: error %v, want one with %q", test.arguments, err, test.err)
			}
			continue
		}
		if err != nil || got.listen != test.want.listen || got.anyPort != test.want.anyPort || got.dir != test.want.dir {
			t.Errorf("%q: %+v, %v; want %+v", test.arguments, got, err, test.want)
		}
	}
}

func TestHelpAndMistakesHaveTheirExitCodes(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := command(t.Context(), []string{"--help"}, &stdout, &stderr); code != 0 || stdout.String() != usage || stderr.Len() > 0 {
		t.Errorf("--help: code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	stdout.Reset()
	if code := command(t.Context(), []string{"--nonsense"}, &stdout, &stderr); code != 2 || stdout.Len() > 0 || stderr.Len() == 0 {
		t.Errorf("--nonsense: code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	if _, err := parseOptions([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v, want flag.ErrHelp", err)
	}
}

func TestATakenAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	wanted := taken.Addr().String()

	address, note, err := launch.ChooseAddress(wanted, true)
	if err != nil || address == wanted || !strings.Contains(note, wanted) || !strings.Contains(note, address) {
		t.Errorf("where any port will do: %q, note %q, %v", address, note, err)
	}
	var stderr bytes.Buffer
	code := command(t.Context(), []string{"--listen", wanted}, io.Discard, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), wanted) || !strings.Contains(stderr.String(), "--listen") {
		t.Errorf("where it was asked for: code %d, stderr %q", code, stderr.String())
	}
}

func TestWelcomeNamesEverything(t *testing.T) {
	var text bytes.Buffer
	welcome(&text, "127.0.0.1:8080", "127.0.0.1:2019", "localhost:8082", "/tmp/gateway.log")
	for _, want := range []string{
		"http://127.0.0.1:8080/", "http://127.0.0.1:8080/counter/", "http://localhost:8082/", "http://127.0.0.1:2019/", "/tmp/gateway.log", "alice with alice-pass-1", "bob with bob-pass-1", "Ctrl-C",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the welcome lacks %q:\n%s", want, text.String())
		}
	}
}
