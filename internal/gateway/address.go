package gateway

import (
	"fmt"
	"net"
)

// FreeAddress returns wanted, "host:port", with port 0 replaced by a port that was free a moment ago. It returns an
// error where the address can't be listened on, above all since another program does.
func FreeAddress(wanted string) (string, error) {
	listener, err := net.Listen("tcp", wanted)
	if err != nil {
		return "", fmt.Errorf("trying address %q: %w", wanted, err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("closing address %q after trying it: %w", wanted, err)
	}
	return address, nil
}
