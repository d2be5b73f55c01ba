package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// maxSecret is how much is read of standard input for a token or a session id.
const maxSecret = 64 << 10

// readSecret returns the value, or the text of standard input if the value is "-". Others on the machine can read the command
// line.
func readSecret(in io.Reader, value string) (string, error) {
	if value != "-" {
		return value, nil
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	if len(text) > maxSecret {
		return "", errors.New("standard input has more than 64 KiB")
	}
	read := strings.TrimRight(string(text), "\r\n")
	if read == "" {
		return "", errors.New("standard input is empty")
	}
	return read, nil
}

// withSession adds the flags that name a session by its id.
func withSession(cmd *cobra.Command, flag, use string) {
	cmd.Flags().String(flag, "", use+"; - reads it from standard input")
	cmd.Flags().StringArray("cookie", nil, "Of a session of several cookies: one of them as <name>=<value>; repeatable")
}

// sessionOf returns the session id that the flags name in the form of the admin API, or nil if they name none.
func sessionOf(c *call, flag string) (any, error) {
	cookies := c.texts("cookie")
	switch {
	case len(cookies) == 0 && !c.given(flag):
		return nil, nil //nolint:nilnil // none was named
	case len(cookies) > 0 && c.given(flag):
		return nil, fmt.Errorf("want either --%s or --cookie", flag)
	case len(cookies) == 0:
		return readSecret(c.InOrStdin(), c.text(flag))
	}
	values := make(map[string]string, len(cookies))
	for i, cookie := range cookies {
		name, value, found := strings.Cut(cookie, "=")
		if _, twice := values[name]; twice || !found || name == "" {
			return nil, fmt.Errorf("--cookie, number %d: want <name>=<value>, each name once", i+1)
		}
		values[name] = value
	}
	return values, nil
}
