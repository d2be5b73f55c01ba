package jwtsession

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// stream is an exchange that stays open for as long as its ends like: an upgraded connection or an event stream. Whoever
// it was opened for may have lost his session long before it closes, so it is cut when that happens.
type stream struct {
	response *response.Writer
	cancel   context.CancelFunc // ends what the rest of the route does with the request; nil where it did not look like a stream
	watch    *ledger.Watch      // nil while it is none

	mutex    sync.Mutex
	conn     net.Conn // hijacked
	returned bool     // the rest of the route
}

// prepareStream is called before the request goes on. What a request that may become a stream costs more, all others
// don't: a context of its own.
func (v *visit) prepareStream() {
	mayBeNamed := v.decision.Identity.User != "" || v.responseUser.header != "" // by now, or by the response itself
	if v.KeepStreams || v.gateway == nil || !mayBeNamed || !mayStream(v.request) {
		return
	}
	ctx, cancel := context.WithCancel(v.request.Context())
	v.request = v.request.WithContext(ctx)
	v.stream = &stream{response: &v.response, cancel: cancel}
}

// mayStream says whether a request asks for a stream. One that does not may get it all the same, and over HTTP/3 there is
// no other way to cut that.
func mayStream(r *http.Request) bool {
	if len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect || r.ProtoMajor >= 3 {
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(strings.ToLower(accept), eventStream) {
			return true
		}
	}
	return false
}

const eventStream = "text/event-stream"

// isStream says whether this is the head of a stream. An extended CONNECT is answered with 200 (RFC 8441 section 5).
func isStream(r *http.Request, status int, header http.Header) bool {
	if status == http.StatusSwitchingProtocols {
		return true
	}
	if status < 200 || status > 299 {
		return false
	}
	if r.Method == http.MethodConnect {
		return true
	}
	types := header["Content-Type"]
	if len(types) == 0 || len(types[0]) < len(eventStream) || !strings.EqualFold(types[0][:len(eventStream)], eventStream) {
		return false
	}
	parameters := trim(types[0][len(eventStream):])
	return parameters == "" || parameters[0] == ';'
}

// watchStream is called when the head of the response goes out.
func (v *visit) watchStream(w http.ResponseWriter, status int) {
	if isStream(v.request, status, w.Header()) {
		v.releaseMint() // others need not wait for its end: whatever it brings is on its way
		v.watch()
	}
}

// watch waits for the end of what the stream was opened with.
func (v *visit) watch() {
	if v.KeepStreams || v.gateway == nil || v.stream != nil && v.stream.watch != nil {
		return
	}
	subjects, authTime, known := v.watched()
	if !known {
		return
	}
	if v.stream == nil {
		v.stream = &stream{response: &v.response}
	}
	v.stream.watch = v.gateway.Ledger.Watch(subjects, authTime, v.stream.cut)
}

// watched returns what the stream is to be cut by. A response that itself ends its session is not cut by that, and
// neither is the stream that it may be: it belongs to what comes after. One that names its user belongs to the session that
// was learned with that.
func (v *visit) watched() (subjects ledger.Subjects, authTime int64, known bool) {
	if v.heard.User != "" {
		return ledger.SubjectsOfSession(v.heard.Key, v.heard.User), v.heard.AuthTime, true
	}
	switch v.decision.Identity.Via {
	case identity.ViaToken:
		claims := v.token.Claims
		subjects = ledger.SubjectsOf(claims.TokenID(), claims.SessionKey(), claims.Subject())
		authTime = claims.AuthTime()
		if v.ended {
			authTime = max(authTime, v.gateway.Ledger.AuthTimeAfterEnd(claims.SessionKey()))
		}
	case identity.ViaSession:
		subjects, authTime = ledger.SubjectsOfSession(v.record.Key, v.record.User), v.record.AuthTime
		if v.ended {
			authTime = max(authTime, v.gateway.Ledger.AuthTimeAfterEnd(v.record.Key))
		}
	case identity.ViaIssuer:
		if beside := v.access.beside; beside.user != "" {
			authTime = beside.authTime
			if v.ended {
				authTime = max(authTime, v.gateway.Ledger.AuthTimeAfterEnd(beside.key))
			}
			return ledger.SubjectsOf(v.access.tokenID, beside.key, v.decision.Identity.User), authTime, true
		}
		subjects = ledger.SubjectsOf(v.access.tokenID, sessions.Key{Realm: v.realm}, v.decision.Identity.User)
		authTime = v.access.source.AuthTime
	default:
		return ledger.Subjects{}, 0, false
	}
	return subjects, authTime, true
}

// cut ends the stream, wherever it stands.
func (s *stream) cut() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.returned && s.conn == nil {
		return // the connection may serve other requests by now
	}
	s.response.IsCut.Store(true)
	if s.cancel != nil {
		s.cancel()
	}
	switch {
	case s.conn != nil:
		_ = s.conn.Close() // it may be closed already
		return
	case s.cancel != nil:
		return
	}
	// The server gives up a connection of HTTP/1.1, or a stream of HTTP/2, whose time is over, and with it the context of
	// the request. Its own writer is asked: those around it are not for two goroutines.
	controller, past := http.NewResponseController(innermost(s.response)), time.Unix(1, 0)
	_ = controller.SetReadDeadline(past)
	_ = controller.SetWriteDeadline(past)
}

// innermost returns the writer that all others are around.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		around, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = around.Unwrap()
	}
}

// hijacked returns the connection that was taken over, such that it is known when it is closed. Some handlers do so
// without a head of the response.
func (v *visit) hijacked(conn net.Conn) net.Conn {
	v.watch()
	if v.stream.watch == nil {
		return conn
	}
	v.stream.mutex.Lock()
	defer v.stream.mutex.Unlock()
	v.stream.conn = conn
	if v.response.IsCut.Load() {
		_ = conn.Close() // since it was asked for
	}
	return &hijackedConn{Conn: conn, closed: v.stream.watch.Stop}
}

// abortIfCut ends the exchange such that what the client has of the response can't be taken for all of it.
func (v *visit) abortIfCut() {
	if v.stream == nil {
		return
	}
	v.stream.mutex.Lock()
	isCut := v.response.IsCut.Load() && v.stream.conn == nil
	v.stream.mutex.Unlock()
	if isCut {
		panic(http.ErrAbortHandler)
	}
}

// endStream is called when the rest of the route has returned. A connection that was taken over may live on.
func (v *visit) endStream() {
	if v.stream == nil {
		return
	}
	v.stream.mutex.Lock()
	defer v.stream.mutex.Unlock()
	v.stream.returned = true
	if v.stream.cancel != nil {
		v.stream.cancel()
	}
	if v.stream.conn == nil && v.stream.watch != nil {
		v.stream.watch.Stop()
	}
}

// hijackedConn is a connection that says when it is closed.
type hijackedConn struct {
	net.Conn

	closed func()
}

// Close closes the connection.
func (c *hijackedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// CloseWrite closes the direction to the client, where the connection can.
func (c *hijackedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// ReadFrom copies as the connection itself does best.
func (c *hijackedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// WriteTo copies as the connection itself does best.
func (c *hijackedConn) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, c.Conn) }

// Interface guards.
var (
	_ io.ReaderFrom = (*hijackedConn)(nil)
	_ io.WriterTo   = (*hijackedConn)(nil)
)
