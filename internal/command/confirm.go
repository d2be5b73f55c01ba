package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// withYes adds the flag that answers the question of confirm.
func withYes(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolP("yes", "y", false, "Do not ask on a terminal")
	return cmd
}

// maxReply is how much is read of the reply to a question.
const maxReply = 256

// confirm asks whoever sits at a terminal whether he means it. Scripts are not asked.
func confirm(c *call, consequence string) error {
	in, ok := c.InOrStdin().(*os.File)
	if c.is("yes") || !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s Go on? [y/N] ", consequence)
	reply, err := bufio.NewReader(io.LimitReader(in, maxReply)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the reply: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(reply)) {
	case "y", "yes":
		return nil
	default:
		return errors.New("nothing was done; reply y, or give --yes")
	}
}
