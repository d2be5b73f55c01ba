package question

import "testing"

func TestKindOfClientAddress(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1": "loopback", "::1": "loopback", "10.1.2.3": "private", "172.20.0.1": "private", "192.168.1.1": "private",
		"fd00::1": "private", "::ffff:10.0.0.1": "private", "169.254.1.1": "link-local", "fe80::1": "link-local",
		"100.64.0.1": "carrier", "100.127.255.255": "carrier", "100.128.0.1": "public", "203.0.113.9": "public",
		"2001:db8::1": "public", "": "unknown", "@": "unknown", "10.0.0.1:80": "unknown",
	} {
		if got := kindOf(address); got != want {
			t.Errorf("%q is %s, want %s", address, got, want)
		}
	}
}
