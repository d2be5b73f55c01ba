package command

import (
	"github.com/spf13/cobra"
)

func restoreCommand() *cobra.Command {
	cmd := newCommand(details{
		use: "restore [--dir <directory>|--to <url>|--config <file>] <file>|- [flags]", short: "Makes a store out of a backup",
		long: `Makes a store out of a backup of any engine: in a directory that is empty or does not
exist, or on a Redis or Valkey server, under a prefix that holds no store. No gateway
may run on it meanwhile. Without --dir and --to, the store is that of --config, or
the one that a configuration without ` + "`store`" + ` has. What is restored counts as a store
once all of it is there: after an error there is none. If restoring to a server broke
off, run the command again; it begins anew.

What was revoked or ended after the backup is not in it. Once the gateway runs,
revoke again what was revoked; ` + "`revoke --all`" + ` drops all sessions, so that those that
have ended are asked for anew, but it keeps nobody out.`,
		example: `  mv /var/lib/caddy/jwt_session /var/lib/caddy/jwt_session.damaged
  caddy jwt-session store restore --dir /var/lib/caddy/jwt_session /backup/sessions-2026-01-31
  caddy jwt-session store restore --config /etc/caddy/Caddyfile /backup/sessions-2026-01-31
  caddy jwt-session store restore --to redis://10.0.0.7:6379 --prefix shop /backup/sessions-2026-01-31`,
	}, cobra.ExactArgs(1), restore)
	cmd.Flags().String("to", "", "URL of a Redis or Valkey server, as store redis has it; placeholders such as {env.REDIS_URL} are replaced")
	cmd.Flags().String("prefix", "", "Prefix of the keys on the server of --to, if not the default")
	return withStore(withJSON(cmd))
}

func restore(c *call) error {
	engine, location, err := engineOf(c)
	if err != nil {
		return err
	}
	source, size, err := openInput(c.InOrStdin(), c.arguments[0])
	if err != nil {
		return err
	}
	defer source.Close()
	body := newProgress(c.ErrOrStderr(), "Restoring", source, size)
	contents, err := engine.Restore(c.Context(), body)
	body.done()
	if err != nil {
		return outcome(err)
	}
	if c.is("json") {
		return c.printJSON(stored{Location: location, Sessions: contents.Sessions, Entries: contents.Entries, Bytes: body.bytes})
	}
	c.say("Restored %s to %s.", amount(contents), location)
	return nil
}
