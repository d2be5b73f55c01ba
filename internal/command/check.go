package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

// checkVariable makes `store check` the process that looks at a store on disk, which damage may end.
const checkVariable = "CADDY_JWT_SESSION_CHECK"

func checkCommand() *cobra.Command {
	return withStore(withJSON(newCommand(details{
		use: "check [--dir <directory>|--config <file>] [flags]", short: "Reads a store through",
		long: `Reads every value in a store, and reports whether all are as they were written. On a
store on disk the gateway must not be running: check a store that was restored from a
backup instead. A store on a Redis or Valkey server is read while gateways use it:
every session and every entry of the blacklist. Its files and replicas are checked
with the tools of the server.`,
		example: `  caddy jwt-session store check --dir /var/lib/caddy/jwt_session
  caddy jwt-session store check --config /etc/caddy/Caddyfile`,
	}, cobra.NoArgs, check)))
}

func check(c *call) error {
	engine, location, err := engineOf(c)
	if err != nil {
		return err
	}
	var contents backup.Contents
	_, onDisk := engine.(*badgerstore.Badger)
	switch {
	case os.Getenv(checkVariable) != "":
		return checkHere(c, engine)
	case onDisk:
		contents, err = checkApart(c, location)
	default:
		contents, err = engine.Check(c.Context())
	}
	if err != nil {
		return outcome(err)
	}
	if c.is("json") {
		return c.printJSON(stored{Location: location, Sessions: contents.Sessions, Entries: contents.Entries})
	}
	c.say("%s is sound: %s.", location, amount(contents))
	return nil
}

// checked is what the process that looks at the store says.
type checked struct {
	backup.Contents

	Error string
}

// checkApart checks a directory in a process of its own.
func checkApart(c *call, dir string) (backup.Contents, error) {
	var found checked
	program, err := os.Executable()
	if err != nil {
		return found.Contents, err
	}
	var said, complaints bytes.Buffer
	child := exec.CommandContext(c.Context(), program, "jwt-session", "store", "check", "--dir", dir)
	child.Env = append(os.Environ(), checkVariable+"=1")
	child.Stdout, child.Stderr = &said, &complaints
	err = child.Run()
	switch {
	case json.Unmarshal(said.Bytes(), &found) != nil && err == nil:
		return found.Contents, errors.New("the check did not say what it found")
	case err == nil:
		return found.Contents, nil
	case found.Error != "":
		return found.Contents, errors.New(found.Error)
	}
	return found.Contents, fmt.Errorf("%s is damaged so that the database can't even refuse it. Bring the "+
		"directory back from a backup, or move it away to begin with no sessions and no revocations", dir)
}

func checkHere(c *call, engine engine) error {
	contents, err := engine.Check(c.Context())
	found := checked{Contents: contents}
	if err != nil {
		found.Error = err.Error()
	}
	if printed := c.printJSON(found); printed != nil {
		return printed
	}
	if err != nil {
		return &failure{code: Refused}
	}
	return nil
}
