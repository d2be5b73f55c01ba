package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

// engine is the module of a store that no gateway of this process uses.
type engine interface {
	storage.Restorer
	storage.Checker

	// Location names the place that the data is in.
	Location() (string, error)
}

// defaultEngine is the engine of a configuration that names none.
const defaultEngine = "badger"

// withStore adds the flags that say where a store is.
func withStore(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("dir", "", "Directory of a store on disk; default: that of the configuration, or jwt_session in Caddy's data directory")
	withConfig(cmd, "Configuration file that names the store, if --dir is not given")
	return cmd
}

// engineOf returns the store that the flags name, and where that is.
func engineOf(c *call) (engine, string, error) {
	name, options, err := engineOptions(c)
	if err != nil {
		return nil, "", err
	}
	if options == nil {
		options = map[string]any{}
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, "", err
	}
	ctx, _ := caddy.NewContext(caddy.Context{Context: c.Context()}) // the module is in use until the process ends
	module, err := ctx.LoadModuleByID("jwt_session.stores."+name, raw)
	if err != nil {
		return nil, "", err
	}
	found, able := module.(engine)
	if !able {
		return nil, "", fmt.Errorf("the configuration's store is %s, which is restored and checked with its own tools", name)
	}
	location, err := found.Location()
	return found, location, err
}

// engineOptions returns the name of the engine and its options, as a configuration has them.
func engineOptions(c *call) (string, map[string]any, error) {
	switch dir, url := c.text("dir"), c.flag("to"); {
	case dir != "" && url != "":
		return "", nil, errors.New("--dir names a store on disk and --to one on a server: name one of them")
	case url == "" && c.flag("prefix") != "":
		return "", nil, errors.New("--prefix names a part of the server that --to names: name both")
	case dir != "":
		return defaultEngine, map[string]any{"dir": literal(dir)}, nil
	case url != "":
		options := map[string]any{"url": url}
		if prefix := c.flag("prefix"); prefix != "" {
			options["prefix"] = prefix
		}
		return "redis", options, nil
	case c.text("config") == "":
		return defaultEngine, nil, nil
	default:
		return configuredEngine(c)
	}
}

// literal returns what an option must be so that it has no placeholder in it.
func literal(text string) string { return strings.NewReplacer("{", `\{`, "}", `\}`).Replace(text) }

// configuredEngine returns what the configuration says of the store.
func configuredEngine(c *call) (string, map[string]any, error) {
	config, _, _, err := caddycmd.LoadConfig(c.text("config"), c.text("adapter"))
	if err != nil {
		return "", nil, err
	}
	var read struct {
		Apps struct {
			Gateway struct {
				Store map[string]any `json:"store"`
			} `json:"jwt_session"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &read); err != nil {
		return "", nil, fmt.Errorf("reading the configuration: %w", err)
	}
	options := read.Apps.Gateway.Store
	name, _ := options["engine"].(string)
	if name == "" {
		name = defaultEngine
	}
	delete(options, "engine")
	return name, options, nil
}

// outcome returns the error of a store with its exit code.
func outcome(err error) error {
	if errors.Is(err, sessions.ErrUnavailable) {
		return &failure{code: Unreachable, text: err.Error()}
	}
	return err
}
