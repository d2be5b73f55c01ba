package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/launch"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// memberCount is how many gateways there are.
const memberCount = 3

// run builds and starts everything, waits for ctx to end and takes everything down again. Once ctx has ended only what
// could not be taken down is an error.
func run(ctx context.Context, options options, stdout io.Writer) (err error) {
	program, err := findServer(options.server)
	if err != nil {
		return err
	}
	listen, note, err := launch.ChooseAddress(options.listen, options.anyPort)
	if err != nil {
		return fmt.Errorf("%w; choose another with --listen", err)
	}
	fmt.Fprint(stdout, note)
	temporary, err := os.MkdirTemp("", "jwt-session-cluster-")
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
	app, err := launch.Serve("shop", "127.0.0.1:0", shop.New(time.Now, new(page.Trail), shop.Link{Path: panelPath, Name: "Cluster"}))
	if err != nil {
		return err
	}
	defer app.Close()
	running := &cluster{address: listen, timeline: new(timeline), maxStale: options.maxStale}
	if running.server, err = prepareServer(program, options.dir); err != nil {
		return err
	}
	running.members, err = prepareMembers(options, gateway.Config{
		Binary: binary, Caddyfile: filepath.Join(root, "example", "cluster", "Caddyfile"), App: app.Address,
	}, map[string]string{
		"STORE_ADDRESS": running.server.address, "STORE_PASSWORD": running.server.password, "MAX_STALE": options.maxStale.String(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.close()) }()
	if err := running.server.start(ctx); err != nil {
		return launch.UnlessEnded(ctx, err)
	}
	if err := running.startMembers(ctx); err != nil {
		return launch.UnlessEnded(ctx, err)
	}
	front, err := launch.Serve("front", listen, running.handler())
	if err != nil {
		return err
	}
	defer front.Close()
	welcome(stdout, running, options.dir)
	if options.started != nil {
		options.started(running)
	}
	<-ctx.Done()
	return nil
}

// handler answers at the one address: with the page, or with what a gateway says.
func (c *cluster) handler() http.Handler {
	routes := http.NewServeMux()
	routes.Handle(panelPath, newPanel(c))
	routes.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	routes.Handle("/", newFront(c.members, c.timeline))
	return routes
}

func prepareServer(program, dir string) (*server, error) {
	address, err := gateway.FreeAddress("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return newServer(program, filepath.Join(dir, "server"), address)
}

// prepareMembers returns the gateways, each with a directory and addresses of its own.
func prepareMembers(options options, common gateway.Config, variables map[string]string) ([]*member, error) {
	members := make([]*member, memberCount)
	for i := range members {
		config := common
		config.Dir = filepath.Join(options.dir, fmt.Sprint("gateway-", i+1))
		config.Variables = variables
		var err error
		for _, address := range []*string{&config.Listen, &config.Admin} {
			if *address, err = gateway.FreeAddress("127.0.0.1:0"); err != nil {
				return nil, err
			}
		}
		members[i] = &member{name: fmt.Sprint("gateway ", i+1), config: config}
	}
	return members, nil
}
