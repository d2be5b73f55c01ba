package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func sessionsCommand() *cobra.Command {
	return group("sessions", "Lists, adds, imports and ends sessions",
		listCommand(), addCommand(), importCommand(), endCommand())
}

// listedSession is one session as the admin API lists it.
type listedSession struct {
	Hash       string                     `json:"hash"`
	User       string                     `json:"user"`
	Source     string                     `json:"source"`
	AuthTime   time.Time                  `json:"auth_time"`
	Seen       time.Time                  `json:"seen"`
	Confirmed  time.Time                  `json:"confirmed"`
	Ends       time.Time                  `json:"ends"`
	Expires    time.Time                  `json:"expires"`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty"`
}

type sessionPage struct {
	Sessions []listedSession `json:"sessions"`
	Next     string          `json:"next,omitempty"`
}

// pageSize is how many sessions are asked for at a time.
const pageSize = 1000

func listCommand() *cobra.Command {
	cmd := newCommand(details{
		use:   "list --realm <realm> [--user <user>] [--limit <number>] [--after <hash>] [flags]",
		short: "Lists the active sessions of a realm, or of one user",
		long: `Lists the active sessions of a realm, or of one user in it, by the SHA-256 of their
session id: the id itself is kept nowhere.`,
		example: `  caddy jwt-session sessions list --realm shop --user alice
  caddy jwt-session sessions list --realm shop --limit 0 --json | jq -r '.sessions[].hash'`,
	}, cobra.NoArgs, list)
	withRealm(cmd, "Name of the realm (required)")
	cmd.Flags().String("user", "", "Only this user's")
	cmd.Flags().Int("limit", 100, "How many to list at most; 0: all")
	cmd.Flags().String("after", "", "Begin behind this session, as a list that was cut off says")
	must(cmd.MarkFlagRequired("realm"))
	return withServer(withJSON(cmd))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func list(c *call) error {
	limit, err := c.Flags().GetInt("limit")
	if err != nil || limit < 0 {
		return errors.New("--limit: want a number from 0")
	}
	all, err := listPages(c, limit)
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(all)
	}
	printSessions(c, all.Sessions, time.Now())
	if all.Next != "" {
		c.remark("There are more: --after %s, or --limit 0 for all.", all.Next)
	}
	return nil
}

// listPages collects pages up to the limit, or all of them if the limit is 0.
func listPages(c *call, limit int) (sessionPage, error) {
	all := sessionPage{Sessions: []listedSession{}, Next: c.text("after")}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(all.Sessions))
		}
		body := map[string]any{"realm": c.text("realm"), "user": c.text("user"), "limit": size, "after": all.Next}
		var page sessionPage
		if _, err := c.ask(http.MethodPost, "sessions/list", body, &page); err != nil {
			return sessionPage{}, err
		}
		all.Sessions, all.Next = append(all.Sessions, page.Sessions...), page.Next
		if page.Next == "" || limit > 0 && len(all.Sessions) >= limit {
			return all, nil
		}
	}
}

func printSessions(c *call, sessions []listedSession, now time.Time) {
	if len(sessions) == 0 {
		c.say("No active sessions.")
		return
	}
	rows := table{headings: []string{"SESSION", "USER", "SOURCE", "BEGAN", "SEEN", "EXPIRES", "ATTRIBUTES"}}
	for _, session := range sessions {
		var attributes []string
		for _, name := range slices.Sorted(maps.Keys(session.Attributes)) {
			attributes = append(attributes, name+"="+string(session.Attributes[name]))
		}
		rows.add(session.Hash, session.User, session.Source, brief(max(0, now.Sub(session.AuthTime))),
			brief(now.Sub(session.Seen)), brief(session.Expires.Sub(now)), strings.Join(attributes, " "))
	}
	rows.print(c.OutOrStdout())
}

func addCommand() *cobra.Command {
	cmd := newCommand(details{
		use:   "add --realm <realm> --user <user> --session <value>|- [--attribute <name>=<value>...] [--expires-in <duration>] [flags]",
		short: "Adds a session",
		long: `Adds a session: whoever comes with this session cookie is the user from now on,
whatever the application says.`,
		example: `  openssl rand -hex 16 | tee id | caddy jwt-session sessions add --realm shop --user alice --session - --expires-in 8h
  caddy jwt-session sessions add --realm wiki --user bob --cookie DokuWiki=3v0c1q9t --cookie DW12=k7d2m5x8`,
	}, cobra.NoArgs, add)
	withRealm(cmd, "Name of the realm (required)")
	cmd.Flags().String("user", "", "User id (required)")
	withSession(cmd, "session", "Value of the session cookie")
	cmd.Flags().StringArray("attribute", nil, "An attribute as <name>=<value>; repeated for one name it is a list")
	cmd.Flags().Var(new(duration), "expires-in", "When the session ends, if before session_max_age: 90s, 8h, 7d")
	must(cmd.MarkFlagRequired("realm"))
	must(cmd.MarkFlagRequired("user"))
	return withServer(withJSON(cmd))
}

func add(c *call) error {
	id, err := sessionOf(c, "session")
	if err != nil {
		return err
	}
	if id == nil {
		return errors.New("want --session with the cookie's value, or --cookie for each of several")
	}
	body := map[string]any{"realm": c.text("realm"), "id": id, "user": c.text("user")}
	if attributes := c.texts("attribute"); len(attributes) > 0 {
		if body["attributes"], err = attributesOf(attributes); err != nil {
			return err
		}
	}
	if c.given("expires-in") {
		life, err := c.Flags().GetDuration("expires-in")
		if err != nil || life < time.Second || life%time.Second != 0 {
			return errors.New("--expires-in: want whole seconds above 0, such as 8h")
		}
		body["expires_in"] = int64(life / time.Second)
	}
	var answer struct {
		Hash    string    `json:"hash"`
		Ends    time.Time `json:"ends"`
		Expires time.Time `json:"expires"`
	}
	text, err := c.ask(http.MethodPost, "sessions", body, &answer)
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	now := time.Now()
	if answer.Expires.IsZero() || !answer.Expires.Before(answer.Ends) {
		c.say("Added session %s, which ends %s.", answer.Hash, ago(answer.Ends, now))
		return nil
	}
	c.say("Added session %s, which ends %s at the latest, and %s if it is not used until then.",
		answer.Hash, ago(answer.Ends, now), ago(answer.Expires, now))
	return nil
}

func attributesOf(pairs []string) (map[string]any, error) {
	attributes := make(map[string]any)
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--attribute %q: want <name>=<value>", pair)
		}
		switch earlier := attributes[name].(type) {
		case nil:
			attributes[name] = value
		case string:
			attributes[name] = []string{earlier, value}
		case []string:
			attributes[name] = append(earlier, value)
		}
	}
	return attributes, nil
}

func endCommand() *cobra.Command {
	cmd := newCommand(details{
		use:   "end --realm <realm> (--session <value>|- | --cookie <name>=<value>... | --session-hash <hash>) [flags]",
		short: "Ends a session, as a sign-out does",
		long: `Ends a session: its tokens are dead at once. Nobody is locked out: where the
application still knows the session, the next request learns it anew. To lock
somebody out, use ` + "`caddy jwt-session revoke`" + `.`,
		example: `  caddy jwt-session sessions end --realm shop --session-hash 3f8a…
  caddy jwt-session sessions end --realm shop --session - < id`,
	}, cobra.NoArgs, end)
	withRealm(cmd, "Name of the realm (required)")
	withSession(cmd, "session", "Value of the session cookie")
	cmd.Flags().String("session-hash", "", "SHA-256 of the session id, as 'sessions list' shows it")
	must(cmd.MarkFlagRequired("realm"))
	return withServer(withJSON(cmd))
}

func end(c *call) error {
	body := map[string]any{"realm": c.text("realm")}
	if err := nameSession(c, body); err != nil {
		return err
	}
	text, err := c.ask(http.MethodPost, "sessions/end", body, new(struct{}))
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	c.say("The session has ended; its tokens are dead.")
	return nil
}

// nameSession writes the session that the flags name into a body.
func nameSession(c *call, body map[string]any) error {
	id, err := sessionOf(c, "session")
	if err != nil {
		return err
	}
	if (id != nil) == c.given("session-hash") {
		return errors.New("want exactly one of --session, --cookie and --session-hash")
	}
	if id != nil {
		body["session"] = id
	} else {
		body["session_hash"] = c.text("session-hash")
	}
	return nil
}
