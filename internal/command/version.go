package command

import (
	"runtime"
	"runtime/debug"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/version"
)

func versionCommand() *cobra.Command {
	return withJSON(newCommand(details{
		use: "version [flags]", short: "Shows the version of this program",
		long: `Shows the version of caddy-jwt-session that this program has, the module version or
commit that it was built from if the build knows, and the versions of Caddy and Go. Put
the output into reports of faults.`,
		example: `  caddy jwt-session version
  caddy jwt-session version --json`,
	}, cobra.NoArgs, showVersion))
}

// versions is what `version` shows.
type versions struct {
	Version string `json:"version"`
	Build   string `json:"build,omitempty"` // what it was built from; empty: not known
	Caddy   string `json:"caddy"`
	Go      string `json:"go"`
}

func showVersion(c *call) error {
	info, _ := debug.ReadBuildInfo() // nil if there is none
	_, caddyVersion := caddy.Version()
	found := versions{Version: version.Number, Build: version.Build(info), Caddy: caddyVersion, Go: runtime.Version()}
	if c.is("json") {
		return c.printJSON(found)
	}
	c.say("caddy-jwt-session %s", found.Version)
	if found.Build != "" {
		c.say("built from        %s", found.Build)
	}
	c.say("Caddy             %s", found.Caddy)
	c.say("Go                %s", found.Go)
	return nil
}
