package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/probe"
)

func probeCommand() *cobra.Command {
	cmd := newAsking(details{
		use: "probe [--config <file>|--address <address>] [--realm <realm>] [--cookie <file>|-] [--page <url>] " +
			"[--sign-out <url> [--method <method>]] [flags]",
		short: "Asks the whoami page as the gateway would, and says what to change",
		long: `Asks the whoami page of a Caddyfile, or of the configuration of a running gateway
(--address), from this machine: once without a cookie, and once with the session
cookie of a browser that is signed in. Shows the answers and what the gateway reads in
them, and says at the end in one sentence whether that is right, with the line to
write into the Caddyfile.

The cookie is read from a file, from standard input (-), or without echo from the
terminal: its value, or all cookies as the browser sends them, name=value; name=value.
It goes where the route of the configuration leads and nowhere else. Names and lengths
of cookies are shown, and no values. No redirect is followed.

--sign-out signs out with this cookie, which ends the session, and asks once more with
the old one: does the sign-out show in a cookie?`,
		example: `  caddy jwt-session probe
  caddy jwt-session probe --config /etc/caddy/Caddyfile --cookie cookie.txt
  caddy jwt-session probe --address localhost:2019 --realm shop --cookie - < cookie.txt
  caddy jwt-session probe --cookie cookie.txt --sign-out /logout --method POST`,
	}, cobra.NoArgs, tryWhoami)
	cmd.Flags().String("realm", "", "Name of the realm, where several ask an application")
	cmd.Flags().String("cookie", "", "File with the session cookie; - reads it from standard input")
	cmd.Flags().String("page", "", "A page behind jwt_session, if the configuration does not say where that is")
	cmd.Flags().String("sign-out", "", "Page that signs out, as the next handler sees it; it ends the session of the cookie")
	cmd.Flags().String("method", http.MethodGet, "Method of the sign-out")
	must(cmd.RegisterFlagCompletionFunc("realm", completeConfiguredRealm))
	cmd.Flags().String("address", "", "Admin endpoint of a running gateway whose configuration to ask")
	withConfig(cmd, "Configuration file, if not the Caddyfile of this directory")
	return withJSON(cmd)
}

// completeConfiguredRealm completes the name of a realm that the configuration asks an application about.
func completeConfiguredRealm(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	config, err := wholeConfig(&call{Command: cmd})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range probe.Realms(config) {
		if strings.HasPrefix(name, begun) && name == printable(name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func tryWhoami(c *call) error {
	order := probe.Order{Page: c.text("page"), SignOut: c.text("sign-out"), Method: strings.ToUpper(c.text("method"))}
	switch {
	case order.Method != http.MethodGet && order.Method != http.MethodPost:
		return errors.New("--method: want GET or POST")
	case c.given("method") && order.SignOut == "":
		return errors.New("--method is that of the sign-out: name that with --sign-out")
	case c.text("cookie") == "-" && c.text("config") == "-":
		return errors.New("--cookie - and --config -: standard input is there once; name a file for one of them")
	}
	config, err := wholeConfig(c)
	if err != nil {
		return &failure{code: Unasked, text: err.Error()}
	}
	gateway, err := probe.Open(config)
	if err != nil {
		return err
	}
	defer func() { _ = gateway.Close() }()
	site, err := gateway.Site(c.text("realm"))
	if err != nil {
		return err
	}
	if order.Cookie, err = readCookie(c); err != nil {
		return err
	}
	if order.SignOut != "" && order.Cookie == "" {
		return errors.New("--sign-out needs the cookie of a session that may end: name it with --cookie")
	}
	report, err := gateway.Ask(c.Context(), site, order)
	if err != nil {
		return err
	}
	if c.is("json") {
		err = c.printJSON(report)
	} else {
		showReport(c, report)
	}
	switch {
	case err != nil:
		return err
	case report.Verdict.Result == probe.Fine:
		return nil
	case report.Verdict.Result == probe.Change:
		return &failure{code: Refused}
	}
	return &failure{code: Unasked}
}

// maxConfig is the longest configuration that is read from a gateway.
const maxConfig = 64 << 20

// wholeConfig returns the configuration, as JSON: that of the running gateway if --address is given, or that of the file.
func wholeConfig(c *call) ([]byte, error) {
	if c.text("address") != "" {
		address, err := c.address()
		if err != nil {
			return nil, err
		}
		response, err := caddycmd.AdminAPIRequest(address, http.MethodGet, "/config/", nil, nil)
		if err != nil {
			return nil, explain(address, err)
		}
		defer response.Body.Close()
		config, err := io.ReadAll(io.LimitReader(response.Body, maxConfig+1))
		if err == nil && len(config) > maxConfig {
			err = errors.New("reading the gateway's configuration: it has more than 64 MiB")
		}
		return config, err
	}
	config, _, _, err := caddycmd.LoadConfig(c.text("config"), c.text("adapter"))
	if err == nil && len(config) == 0 {
		err = errors.New("there is no Caddyfile in this directory: name it with --config, or the admin endpoint of the running gateway " +
			"with --address")
	}
	return config, err
}

// readCookie returns the text of --cookie or, on a terminal, what the user types. No error shows the value of the flag, which
// may be the cookie itself by mistake.
func readCookie(c *call) (string, error) {
	name := c.text("cookie")
	if name == "-" {
		return readSecret(c.InOrStdin(), name)
	}
	if c.given("cookie") {
		file, err := os.Open(name)
		if err != nil {
			return "", errors.New("--cookie: want the name of a file that holds the cookie, or - for standard input. There is no such file, or " +
				"you may not read it. Never write the cookie itself there: others on this machine can read a command line")
		}
		defer file.Close()
		text, err := readSecret(file, "-")
		if err != nil {
			return "", errors.New("--cookie: the file is empty, longer than 64 KiB, or can't be read")
		}
		return text, nil
	}
	file, isFile := c.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) || c.is("json") {
		return "", nil
	}
	fmt.Fprint(c.ErrOrStderr(), "Session cookie (it is not shown; enter alone asks without one): ")
	text, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(c.ErrOrStderr())
	return strings.TrimSpace(string(text)), err
}
