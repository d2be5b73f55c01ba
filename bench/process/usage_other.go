//go:build !unix

package process

import (
	"errors"
	"time"
)

// CPU returns how much time all threads of this process have spent on a processor, in the program and in the system.
func CPU() (time.Duration, error) {
	return 0, errors.New("the rig needs getrusage, which this system lacks")
}
