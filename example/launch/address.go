package launch

import (
	"fmt"
	"net"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/gateway"
)

// CheckLoopback refuses addresses that others can reach: the passwords of the example are public.
func CheckLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("reading --listen %q: %w; write it as 127.0.0.1:8080", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("reading --listen %q: the example's passwords are public, so it listens on loopback alone; "+
			"write it as 127.0.0.1:8080", address)
	}
	return nil
}

// ChooseAddress returns an address that can be listened on, with a note for the user where it is not the wanted one.
func ChooseAddress(wanted string, anyPort bool) (address, note string, err error) {
	address, err = gateway.FreeAddress(wanted)
	if err == nil || !anyPort {
		return address, "", err
	}
	host, _, splitErr := net.SplitHostPort(wanted)
	if splitErr != nil {
		return "", "", splitErr
	}
	address, err = gateway.FreeAddress(net.JoinHostPort(host, "0"))
	return address, fmt.Sprintf("%s is taken, using %s instead.\n", wanted, address), err
}
