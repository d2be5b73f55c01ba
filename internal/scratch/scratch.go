// Package scratch keeps the temporary folders of tests in memory. A test opens a store of its own, and some hundreds of
// stores wait longer for a disk than for anything else.
package scratch

import (
	"fmt"
	"os"
)

// Run runs the tests of a package, a [testing.M], and returns their exit code. Temporary folders of the tests and of their
// children are in memory, where the system has a file system for that with enough room, and TMPDIR does not say otherwise.
func Run(m interface{ Run() int }) int {
	if os.Getenv("TMPDIR") != "" {
		return m.Run()
	}
	dir, remove := inMemory()
	if dir == "" {
		return m.Run()
	}
	defer remove()
	if err := os.Setenv("TMPDIR", dir); err != nil {
		fmt.Fprintln(os.Stderr, "keeping temporary folders in memory:", err)
		return 1
	}
	return m.Run()
}
