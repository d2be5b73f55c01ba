package command

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func keysCommand() *cobra.Command {
	list := withServer(withJSON(newCommand(details{
		use: "list [flags]", short: "Lists the keys",
		long:    `Lists the keys that tokens are signed and verified with, by their id.`,
		example: `  caddy jwt-session keys list`,
	}, cobra.NoArgs, listKeys)))
	rotate := withYes(withServer(withJSON(newCommand(details{
		use: "rotate [--emergency] [flags]", short: "Makes a new key",
		long: `Makes a new key. It is known to all gateways that share Caddy's storage before it
signs, and the old ones verify until the last token that they signed has expired:
nobody notices.

With --emergency, for when a key has leaked: the new key signs at once, and the old
ones are dropped. Every token is dead; users with an active session get a new one
with their next request, without signing in. On a terminal you are asked first,
unless you give --yes.

Where the configuration gives the keys, they are changed there.`,
		example: `  caddy jwt-session keys rotate
  caddy jwt-session keys rotate --emergency`,
	}, cobra.NoArgs, rotateKeys))))
	rotate.Flags().Bool("emergency", false, "Drop all other keys at once: every token is dead")
	return group("keys", "Lists and rotates keys", list, rotate)
}

// listedKey is one key as the admin API lists it.
type listedKey struct {
	ID        string     `json:"kid"`
	Algorithm string     `json:"alg"`
	State     string     `json:"state"`
	Created   *time.Time `json:"created"`
	SignsFrom *time.Time `json:"signs_from"`
}

func listKeys(c *call) error {
	var answer struct {
		Keys []listedKey `json:"keys"`
	}
	text, err := c.ask(http.MethodGet, "keys", nil, &answer)
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	now := time.Now()
	rows := table{headings: []string{"KID", "ALG", "STATE", "MADE", "SIGNS FROM"}}
	for _, key := range answer.Keys {
		rows.add(key.ID, key.Algorithm, key.State, when(key.Created, now), when(key.SignsFrom, now))
	}
	rows.print(c.OutOrStdout())
	return nil
}

func when(at *time.Time, now time.Time) string {
	if at == nil {
		return "by configuration"
	}
	return ago(*at, now)
}

func rotateKeys(c *call) error {
	if c.is("emergency") {
		if err := confirm(c, "This drops all other keys at once. Every token is dead."); err != nil {
			return err
		}
	}
	var answer listedKey
	text, err := c.ask(http.MethodPost, "keys/rotate", map[string]bool{"emergency": c.is("emergency")}, &answer)
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	if c.is("emergency") {
		c.say("All other keys are dropped, and every token is dead. Key %s signs.", answer.ID)
		return nil
	}
	c.say("Key %s signs %s.", answer.ID, when(answer.SignsFrom, time.Now()))
	return nil
}
