// Command example runs a small legacy web shop, two new services, an identity provider, and the gateway in front of them
// that gives the visitors short-lived tokens. All listen on loopback alone and need nothing else.
//
//	go run ./example [--listen 127.0.0.1:8080] [--dir <directory>]
//
// It compiles the gateway first, which takes minutes the first time. Ctrl-C ends everything. What the gateway writes
// goes to a temporary directory that is removed at the end, or to --dir, where it stays.
//
// The exit code is 0 after Ctrl-C, SIGTERM or --help, 1 when something failed, 2 when the command line is wrong. The go
// command makes 1 of every failure, and of Ctrl-C too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Addresses that the example takes where they are free.
const (
	defaultListen = "127.0.0.1:8080"
	defaultAdmin  = "127.0.0.1:2019"

	defaultProviderPort = "8082"
)

// command runs the example until ctx ends and returns the exit code.
func command(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	options, err := parseOptions(arguments, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "example:", err)
		return 2
	}
	// The go command does not hand a SIGTERM on: without it the example would stay behind.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go launch.CancelWhenOrphaned(ctx, cancel)
	if err := run(ctx, options, stdout); err != nil {
		fmt.Fprintln(stderr, "example:", err)
		return 1
	}
	return 0
}

// options is what the command line says.
type options struct {
	listen     string // "host:port" on loopback
	anyPort    bool   // the port may be replaced where it is taken
	dir        string // empty: a temporary directory
	buildFlags []string
	started    func(running) // called once all runs; may be nil

	providerNow func() time.Time // the identity provider's clock; nil means [time.Now]
}

// running is the example once all of it runs.
type running struct {
	visit, admin string // addresses of the gateway
	services     services
}

const usage = `Usage: go run ./example [--listen 127.0.0.1:8080] [--dir <directory>]

Runs a small shop, its services and an identity provider with a gateway in front, on loopback. Ctrl-C ends all.
The first start compiles Caddy and takes minutes.

  --listen host:port   where the gateway listens, on loopback; port 0 takes any free one
                       (default 127.0.0.1:8080, or any free port where that is taken)
  --dir directory      keep what the gateway writes here: store, keys, log
                       (default: a temporary directory, removed at the end)

Exit code: 0 after Ctrl-C, 1 when something failed, 2 when the command line is wrong.
go run makes 1 of a failure, and of Ctrl-C too.
`

// parseOptions reads the command line. It returns [flag.ErrHelp] once it has written the help that was asked for.
func parseOptions(arguments []string, stdout io.Writer) (options, error) {
	var parsed options
	flags := flag.NewFlagSet("example", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&parsed.listen, "listen", "", "")
	flags.StringVar(&parsed.dir, "dir", "", "")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return options{}, err
	} else if err != nil {
		return options{}, fmt.Errorf("reading the command line: %w; --help shows what there is", err)
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("reading the command line: unknown argument %q; --help shows what there is", flags.Arg(0))
	}
	if parsed.listen == "" {
		parsed.listen, parsed.anyPort = defaultListen, true
	}
	if err := launch.CheckLoopback(parsed.listen); err != nil {
		return options{}, err
	}
	return parsed, nil
}
