package whoami

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
)

// errDropped is what a handler gets for writing an answer that is not read any more.
var errDropped = errors.New("writing answer: nobody reads any further")

// swallowed is how many bytes over the limit are taken and forgotten. To refuse them at once would cost the connection
// to the upstream, which a page of little more than the limit is not worth.
const swallowed = 1 << 20

// recorder takes an answer in place of the visitor. It is an [http.ResponseWriter] with nothing behind it: it has a
// header of its own, takes no more of a body than it may, and can be closed while a handler is still writing. It can't
// be hijacked. Its fields are guarded by the mutex; the header map belongs to the handlers, and is copied when they
// write the status.
type recorder struct {
	live    http.Header
	maxBody int

	mutex    sync.Mutex
	status   int
	header   http.Header
	body     []byte
	excess   int
	failure  Reason
	closed   bool
	timedOut chan struct{}
}

func newRecorder(maxBody int) *recorder {
	return &recorder{live: make(http.Header), maxBody: maxBody, timedOut: make(chan struct{})}
}

func (r *recorder) Header() http.Header { return r.live }

func (r *recorder) WriteHeader(status int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.writeHeader(status)
}

// writeHeader keeps the first final status. Interim ones announce an answer and are none (RFC 9110 section 15.2),
// except 101, after which there is no answer to come.
func (r *recorder) writeHeader(status int) {
	if r.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	r.status = status
	r.header = r.live.Clone()
	if length, err := strconv.Atoi(r.header.Get("Content-Length")); err == nil && 0 < length && length <= r.maxBody {
		r.body = make([]byte, 0, length)
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.writeHeader(http.StatusOK)
	if r.closed {
		return 0, errDropped
	}
	room := min(len(p), r.maxBody-len(r.body))
	r.body = append(r.body, p[:room]...)
	if r.excess += len(p) - room; r.excess > 0 {
		r.fail(TooLarge)
	}
	if r.excess > swallowed {
		return room, errDropped
	}
	return len(p), nil
}

// FlushError makes [http.ResponseController] content: there is nothing to flush.
func (r *recorder) FlushError() error {
	r.WriteHeader(http.StatusOK)
	return nil
}

// fail keeps the first failure: what follows it is its consequence.
func (r *recorder) fail(reason Reason) {
	if r.failure == "" && !r.closed {
		r.failure = reason
	}
}

// end records why the handlers ended without a whole answer.
func (r *recorder) end(reason Reason) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fail(reason)
}

// giveUp closes the recorder and lets go of whoever waits.
func (r *recorder) giveUp() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.closed {
		r.fail(TimedOut)
		r.closed = true
		close(r.timedOut)
	}
}

// take closes the recorder and returns what it has.
func (r *recorder) take() Answer {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.closed = true
	switch {
	case r.failure != "":
		return Answer{Failure: r.failure}
	case r.status == 0:
		return Answer{Failure: NoHandler}
	}
	return Answer{Status: r.status, Header: r.header, Body: r.body}
}
