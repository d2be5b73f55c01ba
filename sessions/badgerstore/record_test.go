package badgerstore

import (
	"bytes"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// FuzzParseRecord checks that no payload crashes or is read beyond its end, and that what is read is written to something
// that is read as the same again.
func FuzzParseRecord(f *testing.F) {
	rich := newSession("rich", "ann")
	rich.Attributes = sessions.Attributes{
		"text": sessions.Text("Ann"), "list": sessions.List("a", ""), "empty": sessions.List(), "nothing": {},
	}
	signedIn := newSession("signed in", "ann")
	signedIn.Provider = sessions.ProviderSessionOf("https://id.example", "s1")
	for _, one := range []sessions.Session{{}, newSession("one", "ann"), rich, signedIn} {
		f.Add(appendRecord(nil, one))
	}
	f.Add([]byte{1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(append(appendRecord(nil, sessions.Session{}), 0))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		one, err := parseRecord(rich.Key, payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			if one.User != "" || one.Attributes != nil || one.Realm != "" {
				t.Fatalf("%+v beside an error", one)
			}
			return
		}
		again, err := parseRecord(rich.Key, appendRecord(nil, one))
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
	whole := appendRecord(nil, one)
	for size := range whole {
		if _, err := parseRecord(one.Key, whole[:size]); err == nil {
			t.Errorf("the first %d of %d bytes are a record", size, len(whole))
		}
	}
	if _, err := parseRecord(one.Key, whole); err != nil {
		t.Errorf("the whole is none: %v", err)
	}
}
