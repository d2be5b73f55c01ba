//go:build unix

package process

import (
	"syscall"
	"time"
)

// CPU returns how much time all threads of this process have spent on a processor, in the program and in the system.
func CPU() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
