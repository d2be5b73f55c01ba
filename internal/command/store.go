package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
)

func storeCommand() *cobra.Command {
	return group("store", "Backs up, restores and checks the store", backupCommand(), restoreCommand(), checkCommand())
}

func backupCommand() *cobra.Command {
	return withServer(withJSON(newCommand(details{
		use: "backup <file>|- [flags]", short: "Backs up the store of the running gateway",
		long: `Writes all that the store holds to a file, which must not exist, while the gateway
runs on. Every store writes the same form, so that a backup of one engine is restored
to another. All revocations and ends of sessions are in it from before the command.
The backup is checked as it comes: what stands there under its name is whole. It
holds user ids and attributes, and no session ids, tokens or keys.`,
		example: `  caddy jwt-session store backup /backup/sessions-$(date +%F)
  caddy jwt-session store backup - | ssh backup 'cat > sessions'`,
	}, cobra.ExactArgs(1), backUp)))
}

func backUp(c *call) error {
	name := c.arguments[0]
	if name == "-" && c.is("json") {
		return errors.New("--json: standard output is for the backup; write that to a file")
	}
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
	var contents backup.Contents
	if name == "-" {
		contents, err = backup.ReadAll(io.TeeReader(body, c.OutOrStdout()))
	} else {
		contents, err = keep(name, body)
	}
	body.done()
	if err != nil {
		return fmt.Errorf("the backup broke off, and is not kept; the gateway's log may say why: %w", err)
	}
	if c.is("json") {
		return c.printJSON(stored{Location: name, Sessions: contents.Sessions, Entries: contents.Entries, Bytes: body.bytes})
	}
	c.remark("Backed up %s in %s.", amount(contents), humanize.IBytes(uint64(body.bytes)))
	return nil
}

// stored is what the commands print for programs.
type stored struct {
	Location string `json:"location"` // of the backup that was written, or of the store
	Sessions uint64 `json:"sessions"`
	Entries  uint64 `json:"entries"`         // of the blacklist
	Bytes    int64  `json:"bytes,omitempty"` // of the backup
}

// keep writes a backup to a file, which has its name once it is whole and on disk.
func keep(name string, from io.Reader) (contents backup.Contents, err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".partial-")
	if err != nil {
		return contents, err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone once it has its name
	contents, err = backup.ReadAll(io.TeeReader(from, file))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return contents, err
	}
	return contents, os.Rename(file.Name(), name)
}

// amount says how much a store or a backup holds.
func amount(of backup.Contents) string {
	return plural(int64(of.Sessions), "session") + " and " + plural(int64(of.Entries), "entry") + " of the blacklist"
}
