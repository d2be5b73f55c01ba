package issuer

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// CheckAddress returns an error for an address that keys must not be fetched from. The scheme must be https, or http on
// loopback. The error does not repeat a password.
func CheckAddress(text string) error {
	address, err := url.Parse(text)
	if err != nil {
		return errors.New("it is no URL") // the parser's error repeats the text, which may hold a password
	}
	switch {
	case address.User != nil:
		return errors.New("it must hold no user name or password")
	case address.Host == "" || address.Fragment != "":
		return fmt.Errorf("%q: want https://host/path", text)
	case address.Scheme == "https":
		return nil
	case address.Scheme == "http" && isLoopback(address.Hostname()):
		return nil
	default:
		return fmt.Errorf("%q: want https, or http on loopback", text)
	}
}

// CheckIssuer returns an error for a text that can't be an issuer (OpenID Connect Discovery 1.0 section 3). It is like
// [CheckAddress], and refuses a query and a fragment as well.
func CheckIssuer(text string) error {
	if err := CheckAddress(text); err != nil {
		return err
	}
	if strings.ContainsAny(text, "?#") {
		return fmt.Errorf("%q: an issuer has no query and no fragment", text)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
