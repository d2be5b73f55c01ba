// Package gatewaytest gives the tests that start a server in a process of its own, or Caddy with a whole configuration,
// an address for it.
package gatewaytest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// No system takes these ports for connections, or where somebody asks for any port: Linux begins with 32768, others with
// 49152. A port of those could be somebody else's by the time that the test's server listens on it.
const (
	firstPort = 20_000
	blockSize = 64
	blocks    = 190
)

// block is this process' own ports. It holds the first of them open for as long as it lives, so that no other process
// has the same ones.
var block struct {
	mutex sync.Mutex
	guard net.Listener
	next  int // the last one that was given out, counted from the guard
}

// FreeAddress returns "127.0.0.1:port" where nothing listens, and where nothing will but what the caller starts: neither
// another test of this process, before it has been given all others, nor another process whose tests ask here.
func FreeAddress(t testing.TB) string {
	t.Helper()
	block.mutex.Lock()
	defer block.mutex.Unlock()
	for range blocks {
		if block.guard != nil {
			break
		}
		block.guard, _ = listen(firstPort + blockSize*rand.IntN(blocks)) // taken: another one
	}
	if block.guard == nil {
		t.Fatal("there is no block of free ports")
	}
	first := block.guard.Addr().(*net.TCPAddr).Port
	for range blockSize {
		block.next = block.next%(blockSize-1) + 1
		listener, err := listen(first + block.next)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return listener.Addr().String()
	}
	t.Fatalf("no port from %d on is free", first)
	return ""
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
