package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/survey"
)

func initCommand() *cobra.Command {
	cmd := newAsking(details{
		use:   "init <url> [--timeout <duration>] [flags]",
		short: "Looks at an application, and prints a Caddyfile to start from",
		long: `Looks at an application that runs: sends GET requests for some 30 common pages, signs
nobody in, follows no redirect and asks for no page that signs out. Lists the cookies
that the pages set, and the pages that could say who is signed in. Prints a Caddyfile to
start from on standard output, and everything else on standard error.

Names and lengths of cookies are shown, and no values. Try the Caddyfile with
'caddy jwt-session probe' and the cookie of a browser that is signed in.`,
		example: `  caddy jwt-session init http://localhost:8081 > Caddyfile
  caddy jwt-session init https://shop.example.com --json`,
	}, cobra.ExactArgs(1), initialize)
	cmd.Flags().Duration("timeout", 5*time.Second, "How long to wait for an answer")
	return withJSON(cmd)
}

func initialize(c *call) error {
	patience, err := c.Flags().GetDuration("timeout")
	if err != nil || patience <= 0 || patience > time.Minute {
		return errors.New("--timeout: want more than 0 and at most 1m, such as 5s")
	}
	target, err := survey.ParseAddress(c.arguments[0])
	if err != nil {
		return err
	}
	found, err := survey.Look(c.Context(), target, patience)
	if err != nil {
		return err
	}
	text := found.Caddyfile()
	if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"}); err != nil {
		return fmt.Errorf("the Caddyfile that was made is refused, which is a fault of this program: %w", err)
	}
	if c.is("json") {
		err = c.printJSON(struct {
			survey.Survey

			Caddyfile string `json:"caddyfile"`
		}{found, text})
	} else {
		showSurvey(c, found)
		_, err = fmt.Fprint(c.OutOrStdout(), text) // which is ASCII: what the application says elsewhere is left out
	}
	if err != nil {
		return err
	}
	if !found.IsComplete() {
		return &failure{code: Refused}
	}
	return nil
}

// showSurvey prints what was found beside the Caddyfile.
func showSurvey(c *call, found survey.Survey) {
	c.remark("%s answered %s.", found.Address, plural(int64(len(found.Pages)), "request"))
	if len(found.Cookies) == 0 {
		c.remark("No page set a cookie.")
	}
	for _, one := range found.Cookies {
		c.remark("Cookie %s: %d characters%s, set by %s%s", one.Name, one.Length, map[bool]string{true: ", HttpOnly"}[one.HTTPOnly], one.Page,
			map[bool]string{true: "; it could be the session's"}[one.LooksLikeSession])
	}
	if len(found.Candidates) == 0 {
		c.remark("No page looks as if it said who is signed in.")
	}
	for _, page := range found.Candidates {
		answer := fmt.Sprintf("%d", page.Status)
		switch {
		case page.IsJSON && len(page.Paths) > 0:
			answer += ", JSON with " + strings.Join(page.Paths, ", ")
		case page.IsJSON:
			answer += ", JSON"
		case page.LeadsTo != "":
			answer += ", leads to " + page.LeadsTo
		case page.Type != "":
			answer += ", " + page.Type
		}
		c.remark("Page %s could say who is signed in: %s", page.Path, answer)
	}
	c.remark("Next: save the Caddyfile, sign in with a browser, and run caddy jwt-session probe --cookie <file with its session cookie>.")
}
