package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/breakeven"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/server"
)

const long = `Measures what the gateway costs, and prints tables in Markdown with the goals beside the
results. Each measurement runs in a process of its own. How far it is goes to standard
error. Everything that it writes is below a temporary directory, and removed.

The parts:
  paths      what a request costs on each of its ways over a bare chain, beside a handler
             that does by hand what the contract demands: CPU, allocations and bytes
  server     CPU a request of the whole server, against a bare reverse_proxy
  scale      many sessions and revocations: answers, memory, disk, import, start
  breakeven  a token against a look-up (needs redis-server or valkey-server)

With the default sizes everything takes half an hour. Times depend on the machine, which
should do nothing else; allocations don't.

Exit codes: 0 measured; 1 a path allocates more than its bound (with --check); 2 it could
not be measured, or the flags are wrong. (go run itself makes 1 of all of them.)`

const examples = `  go run ./bench                                          # all tables
  go run ./bench --parts paths --passes 3                 # less exact, and sooner
  go run ./bench --parts scale --sessions 10000000 --revocations 10000000
  go run ./bench --check allocations                      # what CI runs
  go run ./bench --docs docs/performance.md               # and writes them into the page
  go run ./bench chart --page docs/performance.md > docs/break-even.svg`

// flags are what is measured.
type flags struct {
	parts         []string
	check         string
	docs          string
	dir           string
	passes        int
	time          time.Duration
	users, filled int
	sessions      int
	revocations   int
}

// longest is how long a chain may be measured each time. A minute after it was seen, a session is written once more.
const longest = 20 * time.Second

// partNames are the parts, in the order in which they are measured.
var partNames = []string{"paths", "server", "scale", "breakeven"}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use: "bench", Short: "Measures what the gateway costs", Long: long, Example: examples, Args: cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.verify(); err != nil {
				return err
			}
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringSliceVar(&f.parts, "parts", partNames, "the parts to measure")
	set.IntVar(&f.passes, "passes", 7, "how often each chain is measured; the median counts")
	set.DurationVar(&f.time, "time", time.Second, "how long each time")
	set.IntVar(&f.users, "users", 1000, "users who send requests in turn")
	set.IntVar(&f.filled, "filled", 122_000, "revocations in a filled blacklist, for paths and server")
	set.IntVar(&f.sessions, "sessions", 1_000_000, "sessions, for scale")
	set.IntVar(&f.revocations, "revocations", 1_000_000, "revocations, for scale")
	set.StringVar(&f.check, "check", "", "`what` to check and nothing else: allocations")
	set.StringVar(&f.docs, "docs", "", "a `page` to write the tables into, between their markers, and the chart beside it")
	set.StringVar(&f.dir, "dir", "", "where to make the temporary `directory` (default: the system's)")
	cmd.AddCommand(chartCommand(), playCommand())
	return cmd
}

// verify refuses flags that make no sense.
func (f *flags) verify() error {
	for _, part := range f.parts {
		if !slices.Contains(partNames, part) {
			return fmt.Errorf("--parts: %q is not known; want some of %s", part, strings.Join(partNames, ", "))
		}
	}
	for name, value := range map[string]int{
		"passes": f.passes, "users": f.users / server.Connections, "filled": f.filled, "sessions": f.sessions / 10, "revocations": f.revocations,
	} {
		if value <= 0 {
			return fmt.Errorf("--%s: it is too small", name)
		}
	}
	switch {
	case f.time <= 0 || f.time > longest:
		return fmt.Errorf("--time: want a duration above 0, and %v at most, after which other paths are measured", longest)
	case f.check != "" && f.check != "allocations":
		return fmt.Errorf("--check: %q is not known; want allocations", f.check)
	case f.check != "" && f.docs != "":
		return errors.New("--check prints no tables for a page: leave --docs out")
	}
	return nil
}

func chartCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "chart", Short: "Draws the break-even of a page's table as an SVG", Args: cobra.NoArgs,
		Long:    "Draws the break-even as an SVG, from the table in a page, and prints it.",
		Example: "  go run ./bench chart --page docs/performance.md > docs/break-even.svg",
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := os.ReadFile(cmd.Flag("page").Value.String())
			if err != nil {
				return err
			}
			figures, err := breakeven.Parse(string(text))
			if err != nil {
				return err
			}
			return figures.Draw(cmd.OutOrStdout())
		},
	}
	cmd.Flags().String("page", "docs/performance.md", "the `page` with the table")
	return cmd
}

// playCommand is the children's.
func playCommand() *cobra.Command {
	return &cobra.Command{
		Use: process.Command, Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error { return process.Play(roles, arguments[0]) },
	}
}
