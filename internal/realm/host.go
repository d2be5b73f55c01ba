package realm

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

const (
	// maxValue bounds what is looked at of a value, in bytes.
	maxValue = 1024
	// maxHost bounds what becomes of it. A host name has 253 bytes at most (RFC 1035 section 2.3.4, without the final dot). So no
	// spelling of a name that counts is refused for its port or its final dot.
	maxHost = 253
)

var (
	errEmpty = errors.New("it has no value")
	errHost  = errors.New("its value is neither a host nor made of letters, digits, dots, _ and -")
)

// hosts maps names as browsers do (UTS 46, as the URL standard's "domain to ASCII" uses it): what is looked up is what
// counts, and `_` is allowed.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false),
	idna.CheckHyphens(false))

// Normal returns the one spelling of a value, which may be a host, with or without a port: in lower case, without port and
// final dot, IDNA in ASCII. An IPv6 address has `-` for each `:`, without brackets and zone; one that stands for an IPv4
// address is that. A name that reads as such an address is refused, and so is a number with dots that is no IPv4 address
// as it is written today: systems read `127.1` and `0177.0.0.1` as other hosts.
func Normal(value string) (string, error) {
	switch {
	case value == "":
		return "", errEmpty
	case len(value) > maxValue:
		return "", errHost
	case value[0] == '[' || strings.Count(value, ":") > 1:
		return normalAddress(value)
	}
	name, port, _ := strings.Cut(value, ":")
	if !isDigits(port) {
		return "", errHost
	}
	name, ok := toASCII(name)
	if !ok {
		return "", errHost
	}
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxHost || !isDotted(name) || isOddNumber(name) || isAddress(name) {
		return "", errHost
	}
	return name, nil
}

// normalOrAddress is Normal for what may have been an IPv6 address before.
func normalOrAddress(value string) (string, error) {
	if folded := lower(value); isAddress(folded) {
		return folded, nil
	}
	return Normal(value)
}

// normalAddress returns an IPv6 address as it is in a realm. Its zone is none of its own: it means an interface of whoever
// writes it (RFC 6874 section 4), where the % before it may be written as %25.
func normalAddress(value string) (string, error) {
	if inner, bracketed := strings.CutPrefix(value, "["); bracketed {
		inside, behind, closed := strings.Cut(inner, "]")
		port, hasPort := strings.CutPrefix(behind, ":")
		if !closed || behind != "" && !hasPort || !isDigits(port) {
			return "", errHost
		}
		value = inside
	}
	address, err := netip.ParseAddr(value)
	if err != nil || !address.Is6() || address.Zone() != "" && !IsText(strings.TrimPrefix(address.Zone(), "25")) {
		return "", errHost
	}
	return dashed(address), nil
}

func dashed(address netip.Addr) string {
	return strings.ReplaceAll(address.WithZone("").Unmap().String(), ":", "-")
}

// isAddress reports whether the text is what an IPv6 address becomes.
func isAddress(text string) bool {
	if strings.Count(text, "-") < 2 || strings.Contains(text, ".") {
		return false
	}
	address, err := netip.ParseAddr(strings.ReplaceAll(text, "-", ":"))
	return err == nil && dashed(address) == text
}

// toASCII returns the name in lower case and in ASCII. A name in punycode must be the one spelling of what it stands for.
func toASCII(name string) (string, bool) {
	folded := lower(name)
	if isASCII(folded) && !strings.Contains(folded, "xn--") {
		return folded, true
	}
	ascii, err := hosts.ToASCII(name)
	if err != nil {
		return "", false
	}
	unicode, err := hosts.ToUnicode(ascii)
	if err != nil {
		return "", false
	}
	again, err := hosts.ToASCII(unicode)
	return ascii, err == nil && again == ascii
}

// isDotted reports whether the text is made of labels, with one dot between any two.
func isDotted(text string) bool {
	return IsText(text) && text[0] != '.' && text[len(text)-1] != '.' && !strings.Contains(text, "..")
}

// isOddNumber reports whether inet_aton, or a browser, would read the text as an IPv4 address, which is not written as
// all write it. A number without a dot is no address here: names of applications may be numbers.
func isOddNumber(text string) bool {
	labels := strings.Split(text, ".")
	if len(labels) < 2 || len(labels) > 4 {
		return false
	}
	for _, label := range labels {
		hex, isHex := strings.CutPrefix(label, "0x")
		if isHex && strings.Trim(hex, "0123456789abcdef") != "" || !isHex && !isDigits(label) {
			return false
		}
	}
	_, err := netip.ParseAddr(text)
	return err != nil
}

// isDigits reports whether the text has nothing but digits in it.
func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lower returns the text with its ASCII letters in lower case, and all other bytes where they were.
func lower(text string) string {
	for i := range len(text) {
		if 'A' <= text[i] && text[i] <= 'Z' {
			folded := []byte(text)
			for j := i; j < len(folded); j++ {
				if 'A' <= folded[j] && folded[j] <= 'Z' {
					folded[j] += 'a' - 'A'
				}
			}
			return string(folded)
		}
	}
	return text
}
