package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/badgerstore"
)

func storeCommand() *cobra.Command {
	return group("store", "Backs up, restores and checks the store", backupCommand(), restoreCommand(), checkCommand())
}

func backupCommand() *cobra.Command {
	return withServer(newCommand(details{
		use: "backup <file>|- [flags]", short: "Backs up the store of the running gateway",
		long: `Writes all that the store holds at one moment to a file, which must not exist, while
the gateway runs on. The backup is checked as it comes: what stands there under its
name is whole. It holds user ids and attributes, and no session ids, tokens or keys.`,
		example: `  caddy jwt-session store backup /backup/sessions-$(date +%F)
  caddy jwt-session store backup - | ssh backup 'cat > sessions'`,
	}, cobra.ExactArgs(1), backUp))
}

func backUp(c *call) error {
	name := c.arguments[0]
	if name == "-" && isTerminal(c.OutOrStdout()) {
		return errors.New("a backup is no text for a terminal; write it to a file, or lead standard output to one")
	}
	if name != "-" {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s exists already", name)
		}
	}
	response, err := c.request(http.MethodPost, "store/backup", "", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := newProgress(c.ErrOrStderr(), "Backing up", response.Body, 0)
	var contents badgerstore.Contents
	if name == "-" {
		contents, err = badgerstore.ReadBackup(io.TeeReader(body, c.OutOrStdout()))
	} else {
		contents, err = keep(name, body)
	}
	body.done()
	if err != nil {
		return fmt.Errorf("the backup broke off, and is not kept; the gateway's log may say why: %w", err)
	}
	c.remark("Backed up %s and %s of the blacklist in %s.", plural(int64(contents.Sessions), "session"),
		plural(int64(contents.Entries), "entry"), humanize.IBytes(uint64(body.bytes)))
	return nil
}

// keep writes a backup to a file, which has its name once it is whole and on disk.
func keep(name string, backup io.Reader) (contents badgerstore.Contents, err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".partial-")
	if err != nil {
		return contents, err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone once it has its name
	contents, err = badgerstore.ReadBackup(io.TeeReader(backup, file))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return contents, err
	}
	return contents, os.Rename(file.Name(), name)
}

// withDirectory adds the flags that say where a store is.
func withDirectory(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("dir", "", "Directory of the store; default: that of the configuration, or jwt_session in Caddy's data directory")
	withConfig(cmd, "Configuration file to find the directory by, if --dir is not given")
	return cmd
}

// directoryOf returns the directory of the store that the flags name.
func directoryOf(c *call) (string, error) {
	if dir := c.text("dir"); dir != "" {
		return dir, nil
	}
	standard := filepath.Join(caddy.AppDataDir(), "jwt_session")
	if c.text("config") == "" {
		return standard, nil
	}
	config, _, _, err := caddycmd.LoadConfig(c.text("config"), c.text("adapter"))
	if err != nil {
		return "", err
	}
	var read struct {
		Apps struct {
			Gateway struct {
				Store struct {
					Engine string `json:"engine"`
					Dir    string `json:"dir"`
				} `json:"store"`
			} `json:"jwt_session"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &read); err != nil {
		return "", fmt.Errorf("reading the configuration: %w", err)
	}
	switch store := read.Apps.Gateway.Store; {
	case store.Engine != "" && store.Engine != "badger":
		return "", fmt.Errorf("the configuration's store is %s, which is restored and checked with its own tools", store.Engine)
	case store.Dir == "":
		return standard, nil
	default:
		return caddy.NewReplacer().ReplaceOrErr(store.Dir, true, true)
	}
}

func restoreCommand() *cobra.Command {
	return withDirectory(newCommand(details{
		use: "restore [--dir <directory>] <file>|- [flags]", short: "Makes a store out of a backup",
		long: `Makes a store out of a backup, in a directory that is empty or does not exist. The
store is read through before it stands there: after an error there is none. What was
revoked or ended after the backup is not in it. Once the gateway runs, revoke again
what was revoked; ` + "`revoke --all`" + ` drops all sessions, so that those that have ended
are asked for anew, but it keeps nobody out.`,
		example: `  mv /var/lib/caddy/jwt_session /var/lib/caddy/jwt_session.damaged
  caddy jwt-session store restore --dir /var/lib/caddy/jwt_session /backup/sessions-2026-01-31`,
	}, cobra.ExactArgs(1), restore))
}

func restore(c *call) error {
	dir, err := directoryOf(c)
	if err != nil {
		return err
	}
	source, size, err := openInput(c.InOrStdin(), c.arguments[0])
	if err != nil {
		return err
	}
	defer source.Close()
	body := newProgress(c.ErrOrStderr(), "Restoring", source, size)
	contents, err := badgerstore.Restore(dir, body, zap.NewNop())
	body.done()
	if err != nil {
		return err
	}
	c.say("Restored %s and %s of the blacklist to %s.", plural(int64(contents.Sessions), "session"),
		plural(int64(contents.Entries), "entry"), dir)
	return nil
}

// checkVariable makes `store check` the process that looks at the store, which damage may end.
const checkVariable = "CADDY_JWT_SESSION_CHECK"

func checkCommand() *cobra.Command {
	return withDirectory(newCommand(details{
		use: "check [--dir <directory>] [flags]", short: "Reads a store through that is not in use",
		long: `Reads every value in a store, and reports whether all are as they were written. The
gateway must not be running on it: check a store that was restored from a backup
instead.`,
		example: `  caddy jwt-session store check --dir /var/lib/caddy/jwt_session`,
	}, cobra.NoArgs, check))
}

func check(c *call) error {
	dir, err := directoryOf(c)
	if err != nil {
		return err
	}
	if os.Getenv(checkVariable) != "" {
		return checkHere(c, dir)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var said, complaints bytes.Buffer
	child := exec.CommandContext(c.Context(), program, "jwt-session", "store", "check", "--dir", dir)
	child.Env = append(os.Environ(), checkVariable+"=1")
	child.Stdout, child.Stderr = &said, &complaints
	err = child.Run()
	var found checked
	switch {
	case json.Unmarshal(said.Bytes(), &found) != nil && err == nil:
		return errors.New("the check did not say what it found")
	case err == nil:
		c.say("%s is sound: %s and %s of the blacklist.", dir, plural(int64(found.Sessions), "session"), plural(int64(found.Entries), "entry"))
		return nil
	case found.Error != "":
		return errors.New(found.Error)
	}
	return fmt.Errorf("%s is damaged so that the database can't even refuse it. Bring the "+
		"directory back from a backup, or move it away to begin with no sessions and no revocations", dir)
}

// checked is what the process that looks at the store says.
type checked struct {
	badgerstore.Contents

	Error string
}

func checkHere(c *call, dir string) error {
	contents, err := badgerstore.Check(dir, zap.NewNop())
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
