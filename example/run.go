package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// run builds and starts everything, waits for ctx to end and takes everything down again. Once ctx has ended only what
// could not be taken down is an error.
func run(ctx context.Context, options options, stdout io.Writer) (err error) {
	listen, note, err := launch.ChooseAddress(options.listen, options.anyPort)
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

	root, err := launch.ModuleRoot(ctx)
	if err != nil {
		return launch.UnlessEnded(ctx, err)
	}
	binary := filepath.Join(temporary, "gateway")
	if err := launch.Build(ctx, binary, stdout, options.buildFlags); err != nil {
		return launch.UnlessEnded(ctx, err)
	}
	admin, _, err := launch.ChooseAddress(defaultAdmin, true)
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
		Listen: listen, Admin: admin, App: services.shop.Address,
		Variables: map[string]string{
			"PROVIDER_ADDRESS": services.provider.Address, "COUNTER_ADDRESS": services.counter.Address,
			"POINTS_ADDRESS": services.points.Address,
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Stop()) }()
	if err := process.Ready(ctx); err != nil {
		return launch.UnlessEnded(ctx, err)
	}
	welcome(stdout, listen, admin, services.provider.Address, process.Log())
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
		return launch.UnlessEnded(ctx, process.Err())
	}
}
