package command

import (
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// The exit codes.
const (
	// Done: what was asked for is done.
	Done = 0
	// Refused: nothing was done, and the message says why.
	Refused = 1
	// Unreachable: no gateway answered, or the one that did could not do it at this time.
	Unreachable = 3
	// Partly: some of it was done, and the output says what was not.
	Partly = 4
)

// exitCodes explains them in help texts.
const exitCodes = `Exit codes: 0 done; 1 not done, and the message says why; 3 no gateway answered, or it can't do it now; 4 done in part.`

// failure is an error with an exit code.
type failure struct {
	code int
	text string
}

// Error returns the message.
func (f *failure) Error() string { return f.text }

func unreachable(format string, arguments ...any) error {
	return &failure{code: Unreachable, text: fmt.Sprintf(format, arguments...)}
}

// action is what a command does.
type action func(c *call) error

// call is one use of a command.
type call struct {
	*cobra.Command

	arguments []string
	endpoint  string // the address of the admin endpoint, once it is known
}

// run makes a command do something. Its error is printed by itself, without usage, and becomes the exit code.
func run(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, arguments []string) error {
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		use := &call{Command: cmd, arguments: arguments}
		err := use.checkScope()
		if err == nil {
			err = do(use)
		}
		if err == nil {
			return nil
		}
		if err.Error() != "" {
			use.remark("Error: %v", err)
		}
		if failed, ok := errors.AsType[*failure](err); ok && failed.code > Refused {
			// Only Caddy's own wrapper makes an error that carries an exit code.
			return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return failed.code, nil })(cmd, arguments)
		}
		return err
	}
}

// checkScope refuses flags that name what is meant and are empty, as a script gives them whose variable is not set: without
// them more would be meant.
func (c *call) checkScope() error {
	for _, name := range []string{"realm", "user", "session", "session-hash", "token", "jti", "dir"} {
		if flag := c.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s: it is empty; leave it out where it is not meant", name)
		}
	}
	return nil
}

// text returns the value of a flag.
func (c *call) text(flag string) string {
	value, err := c.Flags().GetString(flag)
	if err != nil {
		panic(err) // there is no such flag: a mistake in this package
	}
	return value
}

func (c *call) texts(flag string) []string {
	values, err := c.Flags().GetStringArray(flag)
	if err != nil {
		panic(err)
	}
	return values
}

func (c *call) is(flag string) bool {
	value, err := c.Flags().GetBool(flag)
	if err != nil {
		panic(err)
	}
	return value
}

func (c *call) given(flag string) bool { return c.Flags().Changed(flag) }
