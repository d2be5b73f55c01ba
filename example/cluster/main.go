// Command cluster runs three gateways that share one Redis or Valkey, in front of the shop of the example, and a page from which
// you can kill and start each of them. All listen on loopback alone.
//
//	go run ./example/cluster [--listen 127.0.0.1:8090] [--server valkey-server] [--dir <directory>]
//
// It compiles the gateway first, which takes minutes the first time. Ctrl-C ends everything. What the gateways and the
// server write goes to a temporary directory that is removed at the end, or to --dir, where it stays.
//
// The exit code is 0 after Ctrl-C, SIGTERM or --help, 1 when something failed, 2 when the command line is wrong.
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

// defaultListen is the address that the example takes where it is free.
const defaultListen = "127.0.0.1:8090"

// defaultMaxStale is how long a gateway that is cut off lets tokens in. It is short here, so that you can wait for it.
const defaultMaxStale = time.Minute

// command runs the example until ctx ends and returns the exit code.
func command(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	options, err := parseOptions(arguments, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "cluster:", err)
		return 2
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go launch.CancelWhenOrphaned(ctx, cancel)
	if err := run(ctx, options, stdout); err != nil {
		fmt.Fprintln(stderr, "cluster:", err)
		return 1
	}
	return 0
}

// options is what the command line says.
type options struct {
	listen     string // "host:port" on loopback
	anyPort    bool   // the port may be replaced where it is taken
	server     string // the program; empty: the first that is found
	dir        string // empty: a temporary directory
	maxStale   time.Duration
	buildFlags []string
	started    func(*cluster) // called once all runs; may be nil
}

const usage = `Usage: go run ./example/cluster [--listen 127.0.0.1:8090] [--server valkey-server] [--dir <directory>]

Runs three gateways on one Redis or Valkey, with a small shop behind them, on loopback. Ctrl-C ends all.
The first start compiles Caddy and takes minutes.

  --listen host:port   the one address to open, on loopback; port 0 takes any free one
                       (default 127.0.0.1:8090, or any free port where that is taken)
  --server program     the server to start (default: valkey-server or redis-server, whichever is installed)
  --max-stale time     how long a gateway that is cut off from the server lets tokens in (default 1m)
  --dir directory      keep what the gateways and the server write here
                       (default: a temporary directory, removed at the end)

Exit code: 0 after Ctrl-C, 1 when something failed, 2 when the command line is wrong.
go run makes 1 of a failure, and of Ctrl-C too.
`

// parseOptions reads the command line. It returns [flag.ErrHelp] once it has written the help that was asked for.
func parseOptions(arguments []string, stdout io.Writer) (options, error) {
	var parsed options
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&parsed.listen, "listen", "", "")
	flags.StringVar(&parsed.server, "server", "", "")
	flags.StringVar(&parsed.dir, "dir", "", "")
	flags.DurationVar(&parsed.maxStale, "max-stale", defaultMaxStale, "")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return options{}, err
	} else if err != nil {
		return options{}, fmt.Errorf("reading the command line: %w; --help shows what there is", err)
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("reading the command line: unknown argument %q; --help shows what there is", flags.Arg(0))
	}
	if parsed.maxStale < time.Second {
		return options{}, fmt.Errorf("reading --max-stale %s: it is too short; write it as 30s or longer", parsed.maxStale)
	}
	if parsed.listen == "" {
		parsed.listen, parsed.anyPort = defaultListen, true
	}
	if err := launch.CheckLoopback(parsed.listen); err != nil {
		return options{}, err
	}
	return parsed, nil
}
