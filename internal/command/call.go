package command

import (
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// action is what a command does.
type action func(c *call) error

// call is one use of a command.
type call struct {
	*cobra.Command

	arguments []string
	endpoint  string // the address of the admin endpoint, once it is known
}

// run returns the function that a command runs. It prints the error of the action without usage, and makes it the exit code.
func run(do action) func(*cobra.Command, []string) error { return runOr(do, Refused) }

// runOr does the same. The code is that of an error which brings none.
func runOr(do action, code int) func(*cobra.Command, []string) error {
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
		code := code
		if failed, ok := errors.AsType[*failure](err); ok {
			code = failed.code
		}
		if code > Refused {
			return withCode(cmd, code)
		}
		return err
	}
}

// withCode returns an error that carries an exit code. Only Caddy's own wrapper makes one.
func withCode(cmd *cobra.Command, code int) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// checkScope refuses an empty flag that narrows what is meant. A script passes such a flag if its variable is not set, and
// without the flag more would be meant.
func (c *call) checkScope() error {
	for _, name := range []string{"realm", "user", "session", "session-hash", "token", "jti", "dir", "to", "prefix"} {
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

// flag returns the value of a flag, or nothing if the command has no such flag.
func (c *call) flag(name string) string {
	if flag := c.Flags().Lookup(name); flag != nil {
		return flag.Value.String()
	}
	return ""
}

// texts returns the values of a flag that may be repeated.
func (c *call) texts(flag string) []string {
	values, err := c.Flags().GetStringArray(flag)
	if err != nil {
		panic(err)
	}
	return values
}

// is reports whether a flag is set.
func (c *call) is(flag string) bool {
	value, err := c.Flags().GetBool(flag)
	if err != nil {
		panic(err)
	}
	return value
}

// given reports whether a flag was given, even if it is empty.
func (c *call) given(flag string) bool { return c.Flags().Changed(flag) }
