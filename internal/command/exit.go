package command

import "fmt"

// The exit codes.
const (
	// Done: what was asked for is done.
	Done = 0
	// Refused: nothing was done, and the message says why.
	Refused = 1
	// Unasked: the application could not be asked, or the flags are wrong. Only `probe` and `init` end so.
	Unasked = 2
	// Unreachable: no gateway answered, or the one that did could not do it at this time.
	Unreachable = 3
	// Partly: some of it was done, and the output says what was not.
	Partly = 4
)

// exitCodes explains them in help texts.
const exitCodes = `Exit codes: 0 done; 1 not done, and the message says why; 3 no gateway answered, or it can't do it now; 4 done in part.`

// askingExitCodes explains those of the commands that ask an application.
const askingExitCodes = `Exit codes: 0 fine; 1 something to change, and the message says what; 2 the application could not be asked, or the
flags are wrong.`

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
