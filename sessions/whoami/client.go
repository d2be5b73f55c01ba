package whoami

import (
	"net"
	"net/netip"
	"strings"
)

// clientNetwork returns what counts as one client: an IPv4 address, or the /64 network that one IPv6 customer has at
// least (RFC 6177 section 2). A port and a zone don't count. It is the zero prefix where the text is no address.
func clientNetwork(address string) netip.Prefix {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	address, _, _ = strings.Cut(address, "%")
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	parsed = parsed.Unmap()
	bits := 32
	if parsed.Is6() {
		bits = 64
	}
	network, err := parsed.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
