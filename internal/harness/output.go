package harness

import (
	"bytes"
	"sync"
)

// Output is what a process writes, which you may read while it runs. The zero value is empty. Its methods are safe for
// concurrent use.
type Output struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.Write(p)
}

// String returns what was written so far.
func (o *Output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.String()
}
