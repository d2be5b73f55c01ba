package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// run builds and starts everything, waits for ctx to end and takes everything down again. Once ctx has ended only what
// could not be taken down is an error.
func run(ctx context.Context, options options, stdout io.Writer) (err error) {
	listen, note, err := chooseAddress(options.listen, options.anyPort)
	if err != nil {
		return fmt.Errorf("%w; choose another with --listen", err)
	}
	fmt.Fprint(stdout, note)
	temporary, err := os.MkdirTemp("", "jwt-session-example-")
	if err != nil {
		return fmt.Errorf("making a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	if options.dir == "" {
		options.dir = filepath.Join(temporary, "state")
	}

	root, err := moduleRoot(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	binary := filepath.Join(temporary, "gateway")
	if err := build(ctx, binary, stdout, options.buildFlags); err != nil {
		return unlessEnded(ctx, err)
	}
	admin, _, err := chooseAddress(defaultAdmin, true)
	if err != nil {
		return err
	}
	services, err := startServices(listen, admin, options.providerNow)
	if err != nil {
		return err
	}
	defer services.close()
	process, err := gateway.Start(gateway.Config{
		Binary: binary, Caddyfile: filepath.Join(root, "example", "Caddyfile"), Dir: options.dir,
		Listen: listen, Admin: admin, App: services.shop.address,
		Variables: map[string]string{
			"PROVIDER_ADDRESS": services.provider.address, "COUNTER_ADDRESS": services.counter.address,
			"POINTS_ADDRESS": services.points.address,
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Stop()) }()
	if err := process.Ready(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	welcome(stdout, listen, admin, services.provider.address, process.Log())
	if options.started != nil {
		options.started(running{visit: listen, admin: admin, services: services})
	}
	return wait(ctx, process)
}

// wait waits for the end: Ctrl-C, or that of the gateway. Its own orderly end, as by POST /stop, is no failure.
func wait(ctx context.Context, process *gateway.Process) error {
	select {
	case <-ctx.Done():
		return nil
	case <-process.Exited():
		return unlessEnded(ctx, process.Err())
	}
}

// unlessEnded returns the error unless ctx has ended: what was under way then fails for that reason.
func unlessEnded(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// chooseAddress returns an address that can be listened on, with a note for the user where it is not the wanted one.
func chooseAddress(wanted string, anyPort bool) (address, note string, err error) {
	address, err = gateway.FreeAddress(wanted)
	if err == nil || !anyPort {
		return address, "", err
	}
	host, _, splitErr := net.SplitHostPort(wanted)
	if splitErr != nil {
		return "", "", splitErr
	}
	address, err = gateway.FreeAddress(net.JoinHostPort(host, "0"))
	return address, fmt.Sprintf("%s is taken, using %s instead.\n", wanted, address), err
}

// moduleRoot returns the directory of this module's sources.
func moduleRoot(ctx context.Context) (string, error) {
	const module = "github.com/caddy-jwt-session/caddy-jwt-session"
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	var message strings.Builder
	command.Stderr = &message
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("finding the sources of %s with go list: %w\n%s", module, err, message.String())
	}
	return strings.TrimSpace(string(output)), nil
}
