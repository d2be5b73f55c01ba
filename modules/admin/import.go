package admin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

const (
	// MaxImportLine is how long one line of an import may be.
	MaxImportLine = 64 << 10
	// MaxImportFailures is how many lines that failed are named in the answer.
	MaxImportFailures = 1000
	// importers add sessions at the same time: the store writes those that come together at once.
	importers = 32
	// importQueue is how many sessions wait for each of them.
	importQueue = 64
	// importPatience is how long nothing may come of the body.
	importPatience = time.Minute
)

// ImportAnswer is the answer to an import.
type ImportAnswer struct {
	Imported int64           `json:"imported"`
	Failed   int64           `json:"failed"`
	Failures []importFailure `json:"failures"` // the first of them, by line
}

// importFailure says why the session of one line was not added.
type importFailure struct {
	Line  int64  `json:"line"` // counted from 1
	Error string `json:"error"`
}

// importSessions adds the session of each line of the body. It reads lines as the store takes them, so that a long body needs
// no more memory than a short one. A line that can't be added is passed over and named in the answer. If the store fails, the
// import ends, since all lines that follow would fail as well.
func importSessions(c *Call) (any, error) {
	run := newSessionImport(c)
	run.start()
	readError := run.read(withPatience(c.writer, c.request.Body))
	run.finish()
	answer := run.answer()
	c.audit("sessions imported", zap.Int64("imported", answer.Imported), zap.Int64("failed", answer.Failed))
	switch {
	case run.broken != nil:
		telemetry.CountStoreError(run.broken)
		c.app.Logger().Error("importing sessions", zap.Error(run.broken))
		return nil, apiError(http.StatusServiceUnavailable, fmt.Sprintf("the session store did not take line %d; what comes "+
			"before it was added (%d sessions, %d lines failed). Import from that line on once the log's cause is mended",
			run.brokenLine, answer.Imported, answer.Failed))
	case readError != nil:
		return nil, apiError(http.StatusBadRequest, fmt.Sprintf("the body broke off after line %d; %d sessions were added, "+
			"%d lines failed", run.line, answer.Imported, answer.Failed))
	}
	return answer, nil
}

// sessionImport is one import on its way.
type sessionImport struct {
	call     *Call
	queues   [importers]chan numbered
	wait     sync.WaitGroup
	line     int64 // the last one read
	imported atomic.Int64
	stopping atomic.Bool

	mutex      sync.Mutex
	failed     int64
	failures   []importFailure
	broken     error // why the store did not take a line
	brokenLine int64 // the first such line
}

// numbered is the session that one line adds.
type numbered struct {
	addition

	line int64
}

func newSessionImport(call *Call) *sessionImport {
	run := &sessionImport{call: call, failures: []importFailure{}}
	for i := range run.queues {
		run.queues[i] = make(chan numbered, importQueue)
	}
	return run
}

func (s *sessionImport) start() {
	for _, queue := range s.queues {
		s.wait.Go(func() {
			for next := range queue {
				s.add(next)
			}
		})
	}
}

// finish waits until all that was read is added.
func (s *sessionImport) finish() {
	for _, queue := range s.queues {
		close(queue)
	}
	s.wait.Wait()
}

// add adds a session. It goes on after a failure of the store with what was read before, so that all lines before the first
// one that the store did not take are in.
func (s *sessionImport) add(next numbered) {
	_, err := s.call.gateway.Ledger.Add(context.WithoutCancel(s.call.request.Context()), next.key, next.identity, next.lifetimes)
	switch {
	case err == nil:
		s.imported.Add(1)
	case errors.Is(err, ledger.ErrRevoked):
		s.fail(next.line, "the session is revoked; lift the revocation first")
	default:
		s.stopping.Store(true)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.broken == nil || next.line < s.brokenLine {
			s.broken, s.brokenLine = err, next.line
		}
	}
}

func (s *sessionImport) fail(line int64, reason string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.failed++
	if len(s.failures) < MaxImportFailures {
		s.failures = append(s.failures, importFailure{Line: line, Error: reason})
	}
}

func (s *sessionImport) answer() ImportAnswer {
	slices.SortFunc(s.failures, func(a, b importFailure) int { return int(a.Line - b.Line) })
	return ImportAnswer{Imported: s.imported.Load(), Failed: s.failed, Failures: s.failures}
}

// read reads the body to its end, or until the store fails.
func (s *sessionImport) read(body io.Reader) error {
	lines := bufio.NewReaderSize(body, MaxImportLine)
	for !s.stopping.Load() {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 || err == nil {
			s.line++
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			s.fail(s.line, "the line is longer than 64 KiB")
			if err = skipLine(lines); err == nil {
				continue
			}
		case err == nil || errors.Is(err, io.EOF):
			s.take(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.line = max(s.line-1, 0) // the line that broke off
			return err
		}
	}
	return nil
}

// skipLine reads on to the end of a line.
func skipLine(lines *bufio.Reader) error {
	for {
		_, err := lines.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// take hands a line to the goroutine that adds its session. Lines about one session stay in their order.
func (s *sessionImport) take(line []byte) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	added, err := additionOf(s.call, line)
	if refusal := new(caddy.APIError); errors.As(err, refusal) {
		s.fail(s.line, refusal.Err.Error())
		return
	}
	s.queues[int(added.key.Hash[0])%importers] <- numbered{addition: added, line: s.line}
}

// withPatience returns the body with a new deadline for each part of it: Caddy's admin endpoint gives a request ten seconds.
func withPatience(w http.ResponseWriter, body io.Reader) io.Reader {
	return patientReader{Reader: body, control: http.NewResponseController(w)} //nolint:bodyclose // the server's side
}

type patientReader struct {
	io.Reader

	control *http.ResponseController
}

// Read reads a part that comes within a minute.
func (r patientReader) Read(p []byte) (int, error) {
	_ = r.control.SetReadDeadline(time.Now().Add(importPatience)) // where there is none to set there is none to keep
	return r.Reader.Read(p)
}
