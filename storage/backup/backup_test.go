package backup_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/backup"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

var start = time.Unix(1_800_000_000, 0).UTC()

func session(id string) sessions.Session {
	return sessions.Session{
		Key: sessions.Key{Realm: "shop", Hash: sessions.HashOf(id)}, User: "secret-user", Source: sessions.Added,
		Attributes: sessions.Attributes{"role": sessions.Text("customer")},
		AuthTime:   start.Unix(), Seen: start, Confirmed: start, Ends: start.Add(time.Hour), Expires: start.Add(time.Minute),
	}
}

// written returns a backup of two sessions and an entry.
func written(t testing.TB, origin backup.Origin) []byte {
	t.Helper()
	var data bytes.Buffer
	w := backup.NewWriter(&data, origin)
	for _, id := range []string{"one", "two"} {
		if err := w.Session(session(id).Key, record.AppendSession(nil, session(id))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Entry(entry()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

func entry() blacklist.Entry {
	return blacklist.Entry{Subject: blacklist.RevokedUser("shop", "secret-user"), Second: 7, Expires: start.Add(time.Hour), At: 9}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, origin := range []backup.Origin{{}, {ID: "an id", Clock: time.Unix(1_700_000_000, 0)}} {
		r, err := backup.NewReader(iotest.OneByteReader(bytes.NewReader(written(t, origin))))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Origin(); got.ID != origin.ID || !got.Clock.Equal(origin.Clock) {
			t.Errorf("the origin is %+v, want %+v", got, origin)
		}
		for _, id := range []string{"one", "two"} {
			item, err := r.Next()
			got, ok := item.(backup.Session)
			if err != nil || !ok || !reflect.DeepEqual(got.Session, session(id)) {
				t.Fatalf("Next = %+v, %v, want the session %q", item, err, id)
			}
			if again, err := record.ParseSession(got.Key, got.Record); err != nil || !reflect.DeepEqual(again, got.Session) {
				t.Errorf("the record is of %+v, %v", again, err)
			}
		}
		item, err := r.Next()
		got, ok := item.(backup.Entry)
		if err != nil || !ok || !got.Equal(entry()) || got.At != 0 {
			t.Errorf("Next = %+v, %v, want the entry without its place", item, err)
		}
		for range 2 {
			if item, err := r.Next(); item != nil || err != io.EOF {
				t.Errorf("Next = %+v, %v at the end", item, err)
			}
		}
		if got, want := r.Contents(), (backup.Contents{Sessions: 2, Entries: 1}); got != want {
			t.Errorf("Contents = %+v, want %+v", got, want)
		}
	}
}

// Every byte counts, and so does every byte that is missing or too much.
func TestWhatWasChangedIsNoBackup(t *testing.T) {
	whole := written(t, backup.Origin{ID: "an id"})
	refuse := func(name string, data []byte, words ...string) {
		t.Helper()
		got, err := backup.ReadAll(bytes.NewReader(data))
		if !errors.Is(err, backup.ErrNotWhole) || got != (backup.Contents{}) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", name, got, err)
			return
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, want %q", name, err, word)
			}
		}
	}
	for length := range whole {
		refuse(fmt.Sprint("cut after ", length), whole[:length])
	}
	for at := range whole {
		for _, bit := range []byte{1, 0x10, 0x80} {
			changed := bytes.Clone(whole)
			changed[at] ^= bit
			refuse(fmt.Sprint("changed at ", at), changed)
		}
	}
	refuse("more behind it", append(bytes.Clone(whole), 0), "something follows")
	refuse("two of them", append(bytes.Clone(whole), whole...), "something follows")
	refuse("nothing", nil, "does not begin as one")
	refuse("the half of it", whole[:len(whole)/2], "ends early")
	refuse("another version", bytes.Replace(whole, []byte("backup 1\n"), []byte("backup 2\n"), 1), "another version")
}

// An error of the medium is not taken for a backup that was cut short.
func TestAReaderThatFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	whole := written(t, backup.Origin{})
	for _, length := range []int{0, 3, 30, 100, len(whole)} {
		from := io.MultiReader(bytes.NewReader(whole[:length]), iotest.ErrReader(broken))
		if _, err := backup.ReadAll(from); !errors.Is(err, broken) || errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("after %d bytes: %v", length, err)
		}
	}
}

// failing takes so many bytes.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestAWriterThatFails(t *testing.T) {
	w := backup.NewWriter(&failing{left: 100_000}, backup.Origin{})
	stored := record.AppendSession(nil, session("one"))
	var failed error
	written := 0
	for ; failed == nil && written < 10_000; written++ {
		failed = w.Session(session("one").Key, stored)
	}
	if failed == nil || written > 3000 {
		t.Errorf("after %d sessions: %v", written, failed)
	}
	if err := w.Close(); err == nil {
		t.Error("the end of it is no error")
	}
}

// An entry that ends one session is told from one that only concerns it.
func TestEnded(t *testing.T) {
	key := session("one").Key
	for _, subject := range []blacklist.Subject{blacklist.EndOf(key.Realm, key.Hash), blacklist.RevokedSession(key.Realm, key.Hash)} {
		if got, ok := backup.Ended(blacklist.Entry{Subject: subject}); !ok || got != key {
			t.Errorf("%v: %v, %v", subject.Kind(), got, ok)
		}
	}
	for _, subject := range []blacklist.Subject{
		{},
		blacklist.TokenID("one"), blacklist.AdmittedSession(key.Realm, key.Hash, "ann"), blacklist.FlushedAll(),
		blacklist.OwnerOf(key.Realm, key.Hash, "ann"), blacklist.RevokedUser(key.Realm, "ann"), blacklist.FlushedRealm(key.Realm),
	} {
		if _, ok := backup.Ended(blacklist.Entry{Subject: subject}); ok {
			t.Errorf("%v ends a record", subject.Kind())
		}
	}
}

// Whatever a file holds, it is a whole backup or refused.
func FuzzReader(f *testing.F) {
	f.Add(written(f, backup.Origin{ID: "an id", Clock: start}))
	var empty bytes.Buffer
	if err := backup.NewWriter(&empty, backup.Origin{}).Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(empty.Bytes())
	f.Add([]byte("jwt_session backup 1\n\x00\x00s\x04shop\xff\xff\xff\xff\x7f"))
	f.Add([]byte("jwt_session backup 1\n\xff\xc7\xc7\xc7\xc7\xc7\xc7\xff\xff0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		contents, err := backup.ReadAll(bytes.NewReader(data))
		if err != nil && (contents != (backup.Contents{}) || !errors.Is(err, backup.ErrNotWhole)) {
			t.Errorf("got %+v beside %v", contents, err)
		}
	})
}

const beginning = "jwt_session backup 1\n\x00\x00"

// sealed returns what begins a backup with an end behind it.
func sealed(data []byte, items uint64) []byte {
	data = binary.AppendUvarint(append(data, 0), items)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

// What a writer does not write is refused even if the sum is right.
func TestItemsThatNobodyWrites(t *testing.T) {
	subject, stored := blacklist.FlushedAll().Bytes(), record.AppendSession(nil, session("one"))
	key := append([]byte("\x04shop"), make([]byte, 32)...)
	item := func(parts ...any) []byte {
		var data []byte
		for _, part := range parts {
			switch part := part.(type) {
			case string:
				data = append(data, part...)
			case []byte:
				data = append(binary.AppendUvarint(data, uint64(len(part))), part...)
			}
		}
		return data
	}
	for name, data := range map[string][]byte{
		"another kind":               item("x", subject),
		"no subject":                 item("e", []byte("zebra"), record.AppendEntry(nil, blacklist.Entry{})),
		"an entry of another form":   item("e", subject, []byte("zebra")),
		"an entry with a place":      item("e", subject, record.AppendEntry(nil, blacklist.Entry{At: 7})),
		"a session of another form":  item("s", string(key), []byte("zebra")),
		"a session with more behind": item("s", string(key), append(stored, 0)),
	} {
		if got, err := backup.ReadAll(bytes.NewReader(sealed(append([]byte(beginning), data...), 1))); !errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	good := item("e", subject, record.AppendEntry(nil, blacklist.Entry{}))
	for _, items := range []uint64{0, 1, 2} {
		_, err := backup.ReadAll(bytes.NewReader(sealed(append([]byte(beginning), good...), items)))
		if (err == nil) != (items == 1) {
			t.Errorf("one entry, of %d: %v", items, err)
		}
	}
}

// What counts as the items of a backup holds the same when it is written again.
func FuzzItems(f *testing.F) {
	whole := written(f, backup.Origin{})
	f.Add(whole[len(beginning):len(whole)-sha256.Size-2], uint64(3))
	f.Add([]byte("s\x04shop"), uint64(1))
	f.Add([]byte("e\x21"+strings.Repeat("\x06", 33)+"\x02\x00\x00"), uint64(1))
	f.Fuzz(func(t *testing.T, items []byte, count uint64) {
		data := sealed(append([]byte(beginning), items...), count)
		contents, err := backup.ReadAll(bytes.NewReader(data))
		if err != nil {
			if contents != (backup.Contents{}) || !errors.Is(err, backup.ErrNotWhole) {
				t.Errorf("got %+v beside %v", contents, err)
			}
			return
		}
		if again, err := backup.ReadAll(bytes.NewReader(rewritten(t, data))); again != contents || err != nil {
			t.Errorf("written again it holds %+v, %v, want %+v", again, err, contents)
		}
	})
}

// rewritten reads a backup and writes what it holds.
func rewritten(t *testing.T, data []byte) []byte {
	r, err := backup.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	w := backup.NewWriter(&copied, r.Origin())
	for {
		item, err := r.Next()
		if err != nil {
			break
		}
		switch item := item.(type) {
		case backup.Session:
			err = w.Session(item.Key, item.Record)
		case backup.Entry:
			err = w.Entry(item.Entry)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return copied.Bytes()
}
