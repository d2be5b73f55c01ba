package realm

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNormal(t *testing.T) {
	for value, want := range map[string]string{
		"a.example":                    "a.example",
		"A.Example":                    "a.example",
		"a.example.":                   "a.example",
		"A.EXAMPLE.:443":               "a.example",
		"a.example:8080":               "a.example",
		"a.example:":                   "a.example",
		"my_app":                       "my_app",
		"ab--cd.example":               "ab--cd.example",
		"-a-":                          "-a-",
		"caf\u00e9.example":            "xn--caf-dma.example",
		"CAF\u00c9.example.":           "xn--caf-dma.example",
		"cafe\u0301.example":           "xn--caf-dma.example",
		"XN--CAF-DMA.Example":          "xn--caf-dma.example",
		"a\u3002example\uff0e":         "a.example",
		"\uff41.example":               "a.example",
		"fa\u00df.example":             "xn--fa-hia.example", // as browsers do, and not as in 2003
		"a\u00adb.example":             "ab.example",
		"i\u2764.ws":                   "xn--i-7iq.ws",
		"127.0.0.1":                    "127.0.0.1",
		"127.0.0.1.:80":                "127.0.0.1",
		"\uff11\uff12\uff17.0.0.1":     "127.0.0.1",
		"::1":                          "--1",
		"[::1]":                        "--1",
		"[::1]:8080":                   "--1",
		"[::1]:":                       "--1",
		"0:0:0:0:0:0:0:1":              "--1",
		"[0000:0::0001]":               "--1",
		"2001:DB8::A":                  "2001-db8--a",
		"fe80::1%eth0":                 "fe80--1",
		"[fe80::1%25eth0]:443":         "fe80--1",
		"::ffff:10.1.2.3":              "10.1.2.3",
		"[::ffff:a01:203]":             "10.1.2.3",
		"42":                           "42", // a tenant may be a number
		"v1.2":                         "v1.2",
		"1.2.3.4.5":                    "1.2.3.4.5",
		"0-0-0-0-0-0-0-1":              "0-0-0-0-0-0-0-1", // no address is written so
		"bad--cafe.example":            "bad--cafe.example",
		"https":                        "https",
		strings.Repeat("a.", 50) + "b": strings.Repeat("a.", 50) + "b",
	} {
		got, err := Normal(value)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
		}
	}
}

func TestNormalRefuses(t *testing.T) {
	for _, value := range []string{
		"", ".", "..", "a..b", "a.example..", ".a.example", ":", ":80", "a:b", "a:80:90", "a b", " a", "a\t", "a\x00", "a/b",
		"a%2eexample", "a@b", "{host}", "*", "a,b", "a\\b", "\u3002", "a\u200d.example",
		"[", "[]", "[::1", "[::1]x", "[::1]:x", "[127.0.0.1]", "[a.example]", "::1]", "::g", "1:2:3:4:5:6:7:8:9", "[::1%]", "::1%]", "::1%\xff",
		"--1", "2001-db8--a", "fe80--1", "bad--cafe", "--1:80", "--1.", "--", // read as IPv6 addresses
		"127.1", "0177.0.0.1", "127.0.0.01", "0x7f.0.0.1", "0x7f.1", "1.2.3", "256.1.1.1", "127.0.0x1",
		"xn--abc-", "xn--a", "xn--.example", "xn--caf-dm\u00e4", "a.xn--zz--zz", "xn--CAF-DMA-.example",
		strings.Repeat("a", maxHost+1), strings.Repeat("a", maxValue), strings.Repeat("a", maxValue+1),
	} {
		if got, err := Normal(value); err == nil {
			t.Errorf("%q became %q", value, got)
		}
	}
}

func FuzzNormal(f *testing.F) {
	for _, seed := range []string{
		"a.example", "A.Example.:80", "caf\u00e9", "xn--caf-dma", "::1", "[fe80::1%eth0]:1", "127.1", strings.Repeat("l", maxValue-3), strings.Repeat("l", maxHost), "a-b", "--1", "a\u3002b", "\u212a.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		normal, err := Normal(value)
		if err != nil {
			if normal != "" {
				t.Fatalf("%q: %q beside an error", value, normal)
			}
			return
		}
		if !IsText(normal) || normal != strings.ToLower(normal) {
			t.Fatalf("%q became %q", value, normal)
		}
		if again, err := normalOrAddress(normal); err != nil || again != normal {
			t.Fatalf("%q became %q, and that %q, %v", value, normal, again, err)
		}
		// A second reading: an address is one by net/netip, and nothing else becomes what an address becomes.
		inner := strings.TrimPrefix(value, "[")
		inner, _, _ = strings.Cut(inner, "]")
		address, err := netip.ParseAddr(inner)
		if err == nil && address.Is6() != (isAddress(normal) || address.Is4In6()) {
			t.Fatalf("%q became %q", value, normal)
		}
		if err != nil && isAddress(normal) {
			t.Fatalf("%q is no address and became %q", value, normal)
		}
		if strings.Contains(value, ":") {
			return
		}
		for _, alias := range []string{strings.ToUpper(normal), normal + ".", normal + ":443"} {
			if got, err := Normal(alias); !isAddress(normal) && (err != nil || got != normal) {
				t.Fatalf("%q, an alias of %q, became %q, %v", alias, normal, got, err)
			}
		}
	})
}
