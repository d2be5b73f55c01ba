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

// secret returns a value, or what standard input says where that is "-": what stands on a command line, others on the
// machine can read.
func (c *call) secret(value string) (string, error) {
	if value != "-" {
		return value, nil
	}
	text, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxSecret+1))
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

// session returns the session id that flags name, as the admin API takes it, or nil where they name none.
func (c *call) session(flag string) (any, error) {
	cookies := c.texts("cookie")
	switch {
	case len(cookies) == 0 && !c.given(flag):
		return nil, nil //nolint:nilnil // none was named
	case len(cookies) > 0 && c.given(flag):
		return nil, fmt.Errorf("want either --%s or --cookie", flag)
	case len(cookies) == 0:
		return c.secret(c.text(flag))
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
