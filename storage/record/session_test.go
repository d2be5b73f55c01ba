package record

import (
	"bytes"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func newSession(id, user string) sessions.Session {
	now := time.Unix(1_700_000_000, 5)
	return sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: sessions.HashOf(id)}, User: user, Source: sessions.Learned, AuthTime: now.Unix(),
		Seen: now, Confirmed: now, Ends: now.Add(time.Hour), Expires: now.Add(time.Minute),
	}
}

// FuzzParseSession checks that no payload crashes or is read beyond its end, and that what is read is written to something
// that is read as the same again.
func FuzzParseSession(f *testing.F) {
	rich := newSession("rich", "ann")
	rich.Attributes = sessions.Attributes{
		"text": sessions.Text("Ann"), "list": sessions.List("a", ""), "empty": sessions.List(), "nothing": {},
	}
	signedIn := newSession("signed in", "ann")
	signedIn.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	for _, one := range []sessions.Session{{}, newSession("one", "ann"), rich, signedIn} {
		f.Add(AppendSession(nil, one))
	}
	f.Add([]byte{1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(append(AppendSession(nil, sessions.Session{}), 0))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		one, err := ParseSession(rich.Key, payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			if one.User != "" || one.Attributes != nil || one.Realm != "" {
				t.Fatalf("%+v beside an error", one)
			}
			return
		}
		again, err := ParseSession(rich.Key, AppendSession(nil, one))
		if err != nil || again.User != one.User || again.Provider != one.Provider || again.Rolling != one.Rolling || !again.Expires.Equal(one.Expires) ||
			len(again.Attributes) != len(one.Attributes) {
			t.Fatalf("read %+v, then %+v, %v", one, again, err)
		}
		for name, attribute := range one.Attributes {
			if !attribute.Equal(again.Attributes[name]) {
				t.Fatalf("attribute %q is %v, then %v", name, attribute, again.Attributes[name])
			}
		}
	})
}

// Every payload that ends too early is damaged.
func TestRecordsCutShort(t *testing.T) {
	one := newSession("one", "ann")
	one.Attributes = sessions.Attributes{"name": sessions.Text("Ann"), "groups": sessions.List("a", "b")}
	one.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	whole := AppendSession(nil, one)
	for size := range whole {
		if _, err := ParseSession(one.Key, whole[:size]); err == nil {
			t.Errorf("the first %d of %d bytes are a record", size, len(whole))
		}
	}
	if _, err := ParseSession(one.Key, whole); err != nil {
		t.Errorf("the whole is none: %v", err)
	}
}
