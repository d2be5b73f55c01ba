package launch

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Service is a server on a port of loopback.
type Service struct {
	Address string // "host:port"
	server  *http.Server
}

// Serve starts a service on the address.
func Serve(name, address string, handler http.Handler) (Service, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return Service{}, fmt.Errorf("opening the %s: %w", name, err)
	}
	return ServeOn(listener, listener.Addr().String(), handler), nil
}

// ServeOn starts a service on the listener, which is known as the address.
func ServeOn(listener net.Listener, address string, handler http.Handler) Service {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with ErrServerClosed
	return Service{address, server}
}

// Close ends the service.
func (s Service) Close() {
	if s.server != nil {
		_ = s.server.Close()
	}
}

// UnlessEnded returns the error unless ctx has ended: what was under way then fails for that reason.
func UnlessEnded(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}
