package redisstore

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/rueidis"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, canonical, user, password string }{
		{"redis://localhost", "redis://localhost:6379", "", ""},
		{"redis://LocalHost:6379/0", "redis://localhost:6379", "", ""},
		{"redis://localhost:06379/", "redis://localhost:6379", "", ""},
		{"redis://localhost:7000/3", "redis://localhost:7000/3", "", ""},
		{"valkey://localhost", "redis://localhost:6379", "", ""},
		{"rediss://db.example", "rediss://db.example:6379", "", ""},
		{"valkeys://db.example", "rediss://db.example:6379", "", ""},
		{"redis://[::1]:7000", "redis://[::1]:7000", "", ""},
		{"redis://[::1]", "redis://[::1]:6379", "", ""},
		{"redis://:secret@localhost", "redis://localhost:6379", "", "secret"},
		{"redis://shop:se%23cret@localhost", "redis://localhost:6379", "shop", "se#cret"},
		{"redis://b:1?addr=a:2&addr=c", "redis://a:2?addr=b%3A1&addr=c%3A6379", "", ""},
		{"redis://c?addr=b:1&addr=a:2&addr=c:6379", "redis://a:2?addr=b%3A1&addr=c%3A6379", "", ""},
		{"redis://a:26379/2?addr=b:26379&master_set=shop", "redis://a:26379/2?addr=b%3A26379&master_set=shop", "", ""},
		{"unix:///run/redis.sock", "unix:///run/redis.sock", "", ""},
		{"unix://shop:secret@/run/../run/redis.sock?db=2", "unix:///run/redis.sock?db=2", "shop", "secret"},
		{"unix:/run/redis.sock", "unix:///run/redis.sock", "", ""},
	} {
		a, err := parseURL(test.url)
		if err != nil || a.canonical() != test.canonical || a.username != test.user || a.password != test.password {
			t.Errorf("%s is read as %+v, %v, want %s", test.url, a, err, test.canonical)
			continue
		}
		again, err := parseURL(test.canonical)
		if err != nil || again.canonical() != test.canonical {
			t.Errorf("%s is read as %s, %v", test.canonical, again.canonical(), err)
		}
	}
}

// No error of a URL repeats what may be a part of a password.
func TestBadURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, want string }{
		{"", "scheme"},
		{"localhost:6379", "no URL of a server"},
		{"localhost", "scheme"},
		{"http://hidden@localhost", "scheme"},
		{"redis:localhost", "no URL of a server"},
		{"redis://", "names no host"},
		{"redis://:6379", "names no host"},
		{"redis://:hidden@", "names no host"},
		{"redis://user:hidden", "%2F and %23"},
		{"redis://:hid/den@localhost", "%2F and %23"},
		{"redis://:hid#den@localhost", "%2F and %23"},
		{"redis://:hidden@localhost#", "no URL of a server"},
		{"redis://:hidden@localhost#x", "no URL of a server"},
		{"redis://:hidden@loc alhost", "%2F and %23"},
		{"redis://:hidden%zz@localhost", "%2F and %23"},
		{"redis://localhost:0", "no port between 1 and 65535"},
		{"redis://localhost:65536", "no port between 1 and 65535"},
		{"redis://localhost:", "names no host"},
		{"redis://localhost/one", "its database is no number"},
		{"redis://localhost/-1", "its database is no number"},
		{"redis://localhost/1/2", "its database is no number"},
		{"redis://:hidden@localhost?db=1", `parameter "db" is not known; want addr, master_set`},
		{"redis://localhost?skip_verify=true", `parameter "skip_verify" is not known`},
		{"redis://localhost?master_set=", "master_set is empty"},
		{"redis://localhost?master_set=a&master_set=b", "master_set is given twice"},
		{"redis://localhost?addr=", "names no host"},
		{"redis://localhost?addr=a:b:c", "names no host"},
		{"redis://localhost?addr=user:hidden@b", "names no host"},
		{"redis://localhost?addr=a%zz", "its parameters can't be read"},
		{"redis://a/1?addr=b", "a cluster has the database 0 alone"},
		{"unix://", "names no socket"},
		{"unix:///", "names no socket"},
		{"unix://run/redis.sock", "names no socket"},
		{"unix:///run/redis.sock?db=x", "its database is no number"},
		{"unix:///run/redis.sock?addr=a", `parameter "addr" is not known; want db`},
		{"redis://localhost,other", "names no host"},
	} {
		a, err := parseURL(test.url)
		if err == nil {
			t.Errorf("%s is read as %+v", test.url, a)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hid") {
			t.Errorf("%s: the error is %v, want %q in it", test.url, err, test.want)
		}
	}
}

// FuzzParseURL compares what is accepted with what the client's own parser reads of it.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"redis://localhost", "rediss://u:p@h:1/2", "redis://[::1]:7?addr=b:1&master_set=x", "unix:///run/x?db=1", "valkeys://a?addr=b", "redis://:a%2Fb@c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseURL(text)
		if err != nil {
			return
		}
		canonical := a.canonical()
		again, err := parseURL(canonical)
		if err != nil || again.canonical() != canonical {
			t.Fatalf("%q is %q, which is read as %+v, %v", text, canonical, again, err)
		}
		want, err := rueidis.ParseURL(text)
		if err != nil { // such as one with a slash at its end
			return
		}
		got := a.option(nil)
		for i, host := range want.InitAddress {
			want.InitAddress[i] = strings.ToLower(host)
		}
		if got.Username != want.Username || got.Password != want.Password || got.SelectDB != want.SelectDB ||
			got.Sentinel.MasterSet != want.Sentinel.MasterSet || a.tls != (want.TLSConfig != nil) || (a.socket == "") != (want.DialCtxFn == nil) {
			t.Fatalf("%q is read as %+v, want %+v", text, a, want)
		}
		if a.socket == "" && !slices.Contains(got.InitAddress, normalPort(want.InitAddress[0])) {
			t.Fatalf("%q has the hosts %q, want %q", text, got.InitAddress, want.InitAddress)
		}
	})
}

// normalPort takes the leading zeros of a port away.
func normalPort(host string) string {
	at := strings.LastIndexByte(host, ':')
	return host[:at+1] + strings.TrimLeft(host[at+1:], "0")
}
