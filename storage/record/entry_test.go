package record

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

var subject = blacklist.RevokedUser("shop", "ann")

func TestEntriesComeBack(t *testing.T) {
	for _, want := range []blacklist.Entry{
		{Subject: subject},
		{Subject: subject, Second: 7, Expires: time.Unix(9, 0)},
		{Subject: subject, Second: -7, Expires: time.Unix(-9, 0), At: 1},
		{Subject: subject, Second: 1 << 40, Expires: time.Unix(1<<40, 0), At: 1 << 63},
	} {
		data := AppendEntry(nil, want)
		got, err := ParseEntry(subject, data)
		if err != nil || got.Second != want.Second || got.Expires.Unix() != want.Expires.Unix() || got.At != want.At || got.Subject != subject {
			t.Errorf("%+v comes back as %+v, %v", want, got, err)
		}
		for size := range data {
			if cut, err := ParseEntry(subject, data[:size]); err == nil && cut.At == want.At {
				t.Errorf("the first %d bytes of %+v are one too: %+v", size, want, cut)
			}
		}
	}
	half := time.Unix(9, 1)
	if got, err := ParseEntry(subject, AppendEntry(nil, blacklist.Entry{Subject: subject, Expires: half})); err != nil || got.Expires.Before(half) {
		t.Errorf("an expiry of %v comes back as %v, %v", half, got.Expires, err)
	}
}

// FuzzParseEntry checks that what is read is written to something that is read as the same again.
func FuzzParseEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendEntry(nil, blacklist.Entry{Second: 7, Expires: time.Unix(9, 0)}))
	f.Add(AppendEntry(nil, blacklist.Entry{Second: 7, Expires: time.Unix(9, 0), At: 3}))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := ParseEntry(subject, data)
		if err != nil {
			return
		}
		again, err := ParseEntry(subject, AppendEntry(nil, one))
		if err != nil || !again.Equal(one) || again.At != one.At {
			t.Fatalf("read %+v, then %+v, %v", one, again, err)
		}
	})
}
