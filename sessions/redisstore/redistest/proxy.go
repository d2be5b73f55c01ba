package redistest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is one way through a [Proxy], or both.
type Direction uint8

// The directions.
const (
	ToServer Direction = 1 << iota
	ToClient
	Both = ToServer | ToClient
)

// Proxy stands between clients and a server and can be cut like a network: what is sent then is held, the connections stay
// open, and nobody is told. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	ended    chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	server  string
	cut     Direction
	delay   time.Duration
	healed  chan struct{} // closed at the next change of cut
	sockets map[net.Conn]struct{}
}

// NewProxy starts a proxy for the server at this address. It ends with the test.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		listener: listener, server: server, ended: make(chan struct{}), healed: make(chan struct{}),
		sockets: make(map[net.Conn]struct{}),
	}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address returns "127.0.0.1:" and the port at which the proxy takes connections.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// URL returns the URL for a client of a server without TLS.
func (p *Proxy) URL() string { return "redis://" + p.Address() }

// Cut lets nothing through in this direction, until [Proxy.Heal] is called.
func (p *Proxy) Cut(direction Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut |= direction
}

// Heal lets everything through again, what was held first.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = 0
	close(p.healed)
	p.healed = make(chan struct{})
}

// Switch ends all connections, and leads new ones to another server.
func (p *Proxy) Switch(server string) {
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	p.Break()
}

// Delay makes everything that is sent from now on arrive later by this time, in both directions.
func (p *Proxy) Delay(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// Break ends all connections.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for socket := range p.sockets {
		_ = socket.Close()
	}
}

func (p *Proxy) close() {
	close(p.ended)
	_ = p.listener.Close()
	p.Break()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		address := p.server
		p.mu.Unlock()
		server, err := net.Dial("tcp", address)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.keep(client, server)
		p.running.Go(func() { p.pump(ToServer, client, server) })
		p.running.Go(func() { p.pump(ToClient, server, client) })
	}
}

func (p *Proxy) keep(sockets ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, socket := range sockets {
		p.sockets[socket] = struct{}{}
	}
	select {
	case <-p.ended: // Break may have been called already
		for _, socket := range sockets {
			_ = socket.Close()
		}
	default:
	}
}

// pump sends what comes from one socket to the other, until one of them is closed.
func (p *Proxy) pump(direction Direction, from, to net.Conn) {
	defer func() {
		_, _ = from.Close(), to.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sockets, from)
		delete(p.sockets, to)
	}()
	buffer := make([]byte, 32<<10)
	for {
		size, err := from.Read(buffer)
		if size > 0 {
			if !p.pass(direction) {
				return
			}
			if _, err := to.Write(buffer[:size]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until something may be sent in the direction. It returns false if the proxy ends.
func (p *Proxy) pass(direction Direction) bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.ended:
			return false
		}
	}
	for {
		p.mu.Lock()
		cut, healed := p.cut&direction != 0, p.healed
		p.mu.Unlock()
		if !cut {
			return true
		}
		select {
		case <-healed:
		case <-p.ended:
			return false
		}
	}
}
