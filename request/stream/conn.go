package stream

import (
	"io"
	"net"
)

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
