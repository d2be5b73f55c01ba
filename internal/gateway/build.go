package gateway

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Package is the import path of the program that [Build] compiles.
const Package = "github.com/caddy-jwt-session/caddy-jwt-session/example/gateway"

// Build compiles the gateway into the file binary. It must run inside the module or a module that requires it. What the
// go command says goes to output: one line for each package it compiles. Flags are handed to go build.
// When ctx ends, so does the build.
func Build(ctx context.Context, binary string, output io.Writer, flags ...string) error {
	arguments := append([]string{"build", "-v", "-o", binary}, flags...)
	command := exec.CommandContext(ctx, "go", append(arguments, Package)...)
	command.Stdout, command.Stderr = output, output
	// An interrupted go command ends its compilers and removes its temporary files; a killed one does neither.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("building the gateway with go build %s: %w", Package, err)
	}
	return nil
}
