package command

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func revokeCommand() *cobra.Command {
	cmd := newCommand(details{
		use: "revoke (--jti <id> --exp <seconds> | --token <token>|- | --realm <realm> (--session <value>|- | " +
			"--session-hash <hash>) | [--realm <realm>] --user <user> | --realm <realm> | --all) [--lift] [flags]",
		short: "Revokes a token, a session, a user, or everything",
		long: `Revokes, durably and from the next request on:

  --jti --exp                    one token, by these claims of it
  --token                        every token of that token's session minted so far
  --realm --session[-hash]       a session and its tokens
  --user                         all sessions and tokens of a user, in every realm
  --realm --user                 the same in one realm
  --realm                        a flush: all that is known of a realm is dropped, and
                                 asked for anew. Nobody is locked out
  --all                          the same of every realm. On a terminal you are asked
                                 first, unless you give --yes

A revoked session or user stays out whatever the application says. --lift ends the
revocation of a session, a user, or a token (--jti alone).`,
		example: `  caddy jwt-session revoke --realm shop --user mallory
  caddy jwt-session revoke --realm shop --user mallory --lift
  caddy jwt-session revoke --token - < stolen-token
  caddy jwt-session revoke --realm shop --session-hash 3f8a…`,
	}, cobra.NoArgs, revoke)
	cmd.Flags().String("jti", "", "Claim jti of the token")
	cmd.Flags().Int64("exp", 0, "Claim exp of the token, in seconds since 1970")
	cmd.Flags().String("token", "", "The token; - reads it from standard input")
	withRealm(cmd, "Name of the realm")
	withSession(cmd, "session", "Value of the session cookie")
	cmd.Flags().String("session-hash", "", "SHA-256 of the session id, as 'sessions list' shows it")
	cmd.Flags().String("user", "", "User id")
	cmd.Flags().Bool("all", false, "Everything in every realm")
	cmd.Flags().Bool("lift", false, "End the revocation")
	return withYes(withServer(withJSON(cmd)))
}

// errRevokeFlags is the error for flags that do not go together.
var errRevokeFlags = errors.New("want exactly one of: --jti with --exp; --token; --realm with --session, --cookie or --session-hash; " +
	"--user, with --realm or everywhere; --realm alone; --all. --lift goes with --jti, a session or a user")

func revoke(c *call) error {
	body, what, err := revocationOf(c)
	if err != nil {
		return err
	}
	if c.is("lift") {
		body["lift"] = true
	}
	if c.is("all") {
		if err := confirm(c, "This drops all sessions and tokens of every realm."); err != nil {
			return err
		}
	}
	text, err := c.ask(http.MethodPost, "revocations", body, new(struct{}))
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	if c.is("lift") {
		c.say("The revocation has ended.")
		return nil
	}
	c.say("%s", what)
	return nil
}

// revocationOf returns the body that the flags ask for, and the line to print when it is done.
func revocationOf(c *call) (body map[string]any, done string, err error) {
	bySession := c.given("session") || c.given("cookie") || c.given("session-hash")
	byID := c.given("jti") || c.given("exp")
	named := 0
	for _, one := range []bool{byID, c.given("token"), bySession, c.given("user"), c.is("all")} {
		if one {
			named++
		}
	}
	realm, lift := c.given("realm"), c.is("lift")
	if named > 1 || named == 0 && (!realm || lift) || lift && (c.is("all") || c.given("token")) ||
		realm && (byID || c.given("token") || c.is("all")) || bySession && !realm {
		return nil, "", errRevokeFlags
	}
	body = make(map[string]any)
	if realm {
		body["realm"] = c.text("realm")
	}
	switch {
	case byID:
		return revocationByID(c, body)
	case c.given("token"):
		body["token"], err = readSecret(c.InOrStdin(), c.text("token"))
		return body, "Every token of its session minted so far is revoked.", err
	case bySession:
		return body, "The session and its tokens are revoked.", nameSession(c, body)
	case c.given("user"):
		body["user"] = c.text("user")
		return body, "All sessions and tokens of the user are revoked.", nil
	case c.is("all"):
		body["all"] = true
	}
	return body, "All that was known is dropped; every session is asked for anew.", nil
}

func revocationByID(c *call, body map[string]any) (map[string]any, string, error) {
	if !c.given("jti") || !c.given("exp") && !c.is("lift") {
		return nil, "", errRevokeFlags
	}
	id, err := readSecret(c.InOrStdin(), strings.TrimSpace(c.text("jti")))
	body["jti"] = id
	if c.given("exp") {
		expires, flagError := c.Flags().GetInt64("exp")
		if flagError == nil && expires <= time.Now().Unix() && !c.is("lift") {
			return nil, "", errors.New("--exp: that time is over, and so is the token")
		}
		body["exp"] = expires
	}
	return body, "The token is revoked.", err
}
