package command

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Command returns the command with all that are below it.
func Command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "jwt-session",
		Short: "Operates the jwt_session gateway: sessions, revocations, keys and the store",
		Long: `
Operates a running jwt_session gateway by its admin endpoint: lists, adds, imports
and ends sessions, revokes tokens, sessions and users, rotates keys, shows how the
migration goes and backs the store up. Restores and checks a store that is not in
use, explains tokens, and measures what tokens save on this machine. Tries the whoami
page of a configuration, and looks at an application for a configuration to start from.

` + exitCodes,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Use = "jwt-session"
			cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return printableError(err) })
			holds(cmd)
			cmd.AddCommand(sessionsCommand(), revokeCommand(), keysCommand(), statusCommand(), storeCommand(),
				inspectCommand(), benchCommand(), versionCommand(), probeCommand(), initCommand())
		},
	}
}

// group returns a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: short + ".\n\n" + exitCodes}
	holds(cmd)
	cmd.AddCommand(commands...)
	return cmd
}

// holds lets a command do nothing but show what is below it, and refuse what is not.
func holds(cmd *cobra.Command) {
	cmd.Args = printably(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// details are what a command's help says.
type details struct{ use, short, long, example string }

func newCommand(is details, arguments cobra.PositionalArgs, do action) *cobra.Command {
	return &cobra.Command{
		Use: is.use, Short: is.short, Long: is.long + "\n\n" + exitCodes, Example: is.example, Args: printably(arguments), RunE: run(do),
		DisableFlagsInUseLine: true,
	}
}

// newAsking returns a command that asks an application, which has exit codes of its own, also for wrong flags.
func newAsking(is details, arguments cobra.PositionalArgs, do action) *cobra.Command {
	cmd := newCommand(is, arguments, do)
	cmd.Long = is.long + "\n\n" + askingExitCodes
	cmd.RunE = runOr(do, Unasked)
	cmd.Args = func(cmd *cobra.Command, given []string) error { return refuse(cmd, arguments(cmd, given)) }
	cmd.SetFlagErrorFunc(refuse)
	return cmd
}

// refuse prints what is wrong with the flags or arguments.
func refuse(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.PrintErrf("Error: %v. See %s --help.\n", printableError(err), cmd.CommandPath())
	return withCode(cmd, Unasked)
}

// withJSON adds the flag --json.
func withJSON(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("json", false, "Print JSON")
	return cmd
}

// printably makes what arguments are refused with printable: the error quotes them.
func printably(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error { return printableError(check(cmd, arguments)) }
}
