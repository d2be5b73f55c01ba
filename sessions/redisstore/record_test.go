package redisstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

func richSession() sessions.Session {
	rich := newSession("rich", "ann")
	rich.Attributes = sessions.Attributes{"name": sessions.Text("Ann"), "groups": sessions.List("a", "b")}
	rich.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	return rich
}

// Whatever is changed in a record, it is read as damaged, and never as another session.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	rich := richSession()
	whole := appendRecord(nil, rich)
	if got, err := parseRecord(rich.Key, whole); err != nil || got.User != rich.User || !got.Expires.Equal(rich.Expires) || got.Provider != rich.Provider {
		t.Fatalf("the whole is read as %+v, %v", got, err)
	}
	for size := range whole {
		if _, err := parseRecord(rich.Key, whole[:size]); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("the first %d bytes: %v", size, err)
		}
	}
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if _, err := parseRecord(rich.Key, damaged); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("with another byte %d: %v", at, err)
		}
	}
	for _, other := range []sessions.Key{{Realm: "shop"}, {Realm: "wiki", Hash: rich.Hash}} {
		if _, err := parseRecord(other, whole); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("under the key of another session: %v", err)
		}
	}
	if _, err := parseRecord(rich.Key, append(whole, 0)); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("with one byte more: %v", err)
	}
}

// FuzzParseRecord checks that no bytes crash or are read beyond their end, and that what is read is written as the same bytes
// again where their order does not matter.
func FuzzParseRecord(f *testing.F) {
	rich, plain := richSession(), newSession("rich", "bob")
	for _, one := range []sessions.Session{rich, plain, {Key: rich.Key}} {
		f.Add(appendRecord(nil, one))
	}
	f.Add([]byte{})
	f.Add([]byte(strings.Repeat("\xff", headSize+sumSize)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, sealed := range [][]byte{data, resealed(rich.Key, data)} {
			before := bytes.Clone(sealed)
			one, err := parseRecord(rich.Key, sealed)
			if !bytes.Equal(before, sealed) {
				t.Fatal("the bytes were changed")
			}
			if err != nil {
				if one.User != "" || one.Attributes != nil || one.Realm != "" {
					t.Fatalf("%+v beside an error", one)
				}
				continue
			}
			head := appendHead(nil, one)
			if !bytes.HasPrefix(sealed, head) {
				t.Fatalf("scripts read another session than %+v", one)
			}
			again, err := parseRecord(rich.Key, appendRecord(nil, one))
			if err != nil || again.User != one.User || again.Provider != one.Provider || !again.Expires.Equal(one.Expires) {
				t.Fatalf("read %+v, then %+v, %v", one, again, err)
			}
		}
	})
}

// resealed returns the bytes with the right sum at their end.
func resealed(key sessions.Key, data []byte) []byte {
	body := data[:max(len(data)-sumSize, 0)]
	total := sum(key, body)
	return append(bytes.Clone(body), byte(total>>24), byte(total>>16), byte(total>>8), byte(total))
}
