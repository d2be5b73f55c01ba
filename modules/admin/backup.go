package admin

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
)

// backup streams a backup of the store. A backup that fails on the way ends with a broken connection. A whole one ends with a
// checksum over all of it.
func backup(c *Call) (any, error) {
	if len(bytes.TrimSpace(c.Body)) > 0 {
		if err := c.Read(new(struct{})); err != nil {
			return nil, err
		}
	}
	header := c.writer.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Cache-Control", "no-store")
	//nolint:bodyclose // the server's side
	stream := &patientWriter{Writer: c.writer, control: http.NewResponseController(c.writer)}
	err := c.gateway.Ledger.Backup(c.request.Context(), stream)
	_ = stream.control.SetWriteDeadline(time.Time{}) // the connection may serve more
	switch {
	case err == nil:
		c.audit("session store backed up", zap.Int64("bytes", stream.written))
		return streamed{}, nil
	case stream.written > 0:
		telemetry.CountStoreError(err)
		c.app.Logger().Error("backing up the session store", zap.Error(err))
		panic(http.ErrAbortHandler) // nothing else tells the client that what it has is not whole
	case errors.Is(err, ledger.ErrNoBackup):
		return nil, apiError(http.StatusNotImplemented, err.Error())
	}
	return nil, err
}

// patientWriter gives each part of an answer a minute to be taken, so that a client that stopped reading does not hold
// the store for ever.
type patientWriter struct {
	io.Writer

	control *http.ResponseController
	written int64
}

// Write writes a part.
func (w *patientWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(importPatience)) // where there is none to set there is none to keep
	written, err := w.Writer.Write(p)
	w.written += int64(written)
	return written, err
}
