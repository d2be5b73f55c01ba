package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// backedUp returns a backup of the store in a directory.
func backedUp(t testing.TB, dir string) []byte {
	t.Helper()
	db := mustOpen(t, dir, zap.NewNop(), production())
	defer mustClose(t, db)
	var backup bytes.Buffer
	if err := db.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	return backup.Bytes()
}

func TestBackupAndRestore(t *testing.T) {
	dir := filled(t)
	backup := backedUp(t, dir)
	want := Contents{Sessions: 200, Entries: 1}
	if got, err := ReadBackup(bytes.NewReader(backup)); got != want || err != nil {
		t.Errorf("ReadBackup = %+v, %v, want %+v", got, err, want)
	}
	target := filepath.Join(t.TempDir(), "below", "store")
	if got, err := Restore(target, bytes.NewReader(backup), zap.NewNop()); got != want || err != nil {
		t.Fatalf("Restore = %+v, %v, want %+v", got, err, want)
	}
	original := mustOpen(t, dir, zap.NewNop(), production())
	restored, err := Reopen(target, original.ID(), zap.NewNop())
	if err != nil {
		t.Fatalf("the restored store is not taken for the one that was backed up: %v", err)
	}
	defer mustClose(t, restored)
	mustHave(t, restored, newSession("session7", "secret-user"))
	if _, ok := load(t, restored)[revocation("one").Subject]; !ok {
		t.Error("the revocation is gone")
	}
	page, err := restored.Sessions().List(t.Context(), sessions.Query{Realm: "shop", User: "secret-user", Limit: 1000}, start)
	if err != nil || len(page.Sessions) != 200 {
		t.Errorf("the user has %d sessions: %v", len(page.Sessions), err)
	}
	if again := backedUpOpen(t, restored); !bytes.Equal(again, backup) {
		t.Error("a backup of what was restored is another one")
	}
}

func backedUpOpen(t testing.TB, db *DB) []byte {
	t.Helper()
	var backup bytes.Buffer
	if err := db.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	return backup.Bytes()
}

// What is written while the backup runs is in it up to one moment, and from then on not at all.
func TestBackupIsOfOneMoment(t *testing.T) {
	db := openTemp(t)
	stop, begun := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			mustPut(t, db, newSession(fmt.Sprint("session", i), "ann"))
			if i == 500 {
				close(begun)
			}
		}
	})
	<-begun
	for range 3 {
		target := filepath.Join(t.TempDir(), "store")
		contents, err := Restore(target, bytes.NewReader(backedUpOpen(t, db)), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		restored := mustOpen(t, target, zap.NewNop(), production())
		for i := range contents.Sessions { // so many, and so these and no others
			mustHave(t, restored, newSession(fmt.Sprint("session", i), "ann"))
		}
		mustClose(t, restored)
	}
	close(stop)
	wait.Wait()
}

// limited fails after so many bytes, as a disk that is full or a client who has left.
type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("no more")
	}
	return len(p), nil
}

func TestBackupThatFails(t *testing.T) {
	db := openTemp(t)
	for i := range 2000 {
		mustPut(t, db, newSession(fmt.Sprint("session", i), "secret-user"))
	}
	if err := db.Backup(t.Context(), &limited{left: 100_000}); err == nil {
		t.Error("a writer that fails is passed over")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Backup(ctx, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	damaged := newSession("session9", "secret-user").Key
	plant(t, db, recordKey(damaged), []byte{version, 1, 2, 3, 4, 5})
	var backup bytes.Buffer
	if err := db.Backup(t.Context(), &backup); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged value: %v", err)
	}
	if _, err := ReadBackup(&backup); !errors.Is(err, ErrBackup) {
		t.Errorf("what was written of it counts as a backup: %v", err)
	}
	mustClose(t, db)
	if err := db.Backup(t.Context(), &bytes.Buffer{}); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A backup that was cut short or changed anywhere is refused, and leaves nothing.
func TestRestoreRefusesDamagedBackups(t *testing.T) {
	backup := backedUp(t, filled(t))
	parent := t.TempDir()
	refuse := func(name string, data []byte) {
		t.Helper()
		if _, err := ReadBackup(bytes.NewReader(data)); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: ReadBackup: %v", name, err)
		}
		_, err := Restore(filepath.Join(parent, "store"), bytes.NewReader(data), zap.NewNop())
		if !errors.Is(err, ErrBackup) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: Restore: %v", name, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Fatalf("%s: it left %s", name, left[0].Name())
		}
	}
	for _, length := range []int{0, 1, len(backupHeader), len(backupHeader) + 1, len(backup) / 2, len(backup) - 33, len(backup) - 1} {
		refuse(fmt.Sprint("cut after ", length), backup[:length])
	}
	for _, at := range []int{3, len(backupHeader), len(backupHeader) + 2, len(backup) / 3, len(backup) - 34, len(backup) - 1} {
		changed := bytes.Clone(backup)
		changed[at] ^= 0x10
		refuse(fmt.Sprint("changed at ", at), changed)
	}
	refuse("with more behind it", append(bytes.Clone(backup), 0))
	refuse("a length beyond all bounds", append([]byte(backupHeader), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f))
	var empty bytes.Buffer
	w := newBackupWriter(&empty)
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(filepath.Join(parent, "store"), &empty, zap.NewNop()); !errors.Is(err, ErrBackup) {
		t.Errorf("a backup of no store: %v", err)
	}
}

// A file system that is full before, or while, a backup is restored ends that, and nothing is left to fill it further.
func TestRestoreOnAFullDisk(t *testing.T) {
	db := openTemp(t)
	large := newSession("large", "ann")
	large.Attributes = sessions.Attributes{"note": sessions.Text(strings.Repeat("x", restoreBatch))}
	mustPut(t, db, large, newSession("other", "bob"))
	backup := backedUpOpen(t, db)
	parent := t.TempDir()
	for looks := range 2 {
		asked := 0
		_, err := restore(filepath.Join(parent, "store"), bytes.NewReader(backup), zap.NewNop(), func(string) (uint64, error) {
			if asked++; asked > looks {
				return leastSpace - 1, nil
			}
			return leastSpace, nil
		})
		if !errors.Is(err, errSpace) || asked != looks+1 {
			t.Errorf("after %d looks of %d: %v, want errSpace", asked, looks+1, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Fatalf("it left %s", left[0].Name())
		}
	}
}

func TestRestoreDoesNotOverwrite(t *testing.T) {
	dir := filled(t)
	backup := backedUp(t, dir)
	before := listing(t, dir)
	_, err := Restore(dir, bytes.NewReader(backup), zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), dir) {
		t.Errorf("into a store: %v", err)
	}
	if after := listing(t, dir); len(after) != len(before) {
		t.Error("it changed the store")
	}
	empty := t.TempDir()
	if _, err := Restore(empty, bytes.NewReader(backup), zap.NewNop()); err != nil {
		t.Errorf("into an empty directory: %v", err)
	}
}

func TestCheck(t *testing.T) {
	dir := filled(t)
	if got, err := Check(dir, zap.NewNop()); err != nil || got != (Contents{Sessions: 200, Entries: 1}) {
		t.Errorf("Check = %+v, %v", got, err)
	}
	for _, nothing := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent")} {
		if _, err := Check(nothing, zap.NewNop()); !errors.Is(err, ErrNoStore) {
			t.Errorf("an empty directory: %v", err)
		}
		if entries, _ := os.ReadDir(nothing); len(entries) > 0 {
			t.Errorf("the check created %s", entries[0].Name())
		}
	}
	lost := filled(t)
	removeFile(t, lost, markerName)
	if _, err := Check(lost, zap.NewNop()); err == nil || errors.Is(err, ErrNoStore) {
		t.Errorf("a store without its marker: %v", err)
	}
}

// What opening does not find, since it reads no values of sessions, the check finds.
func TestCheckFindsDamagedValues(t *testing.T) {
	session := recordKey(newSession("one", "secret-user").Key)
	entry := entryKey(blacklist.TokenID("one"))
	for name, planted := range map[string]struct {
		key, value []byte
		words      string
	}{
		"a session":        {session, seal(session, newValue(0)), "a session"},
		"a checksum":       {session, []byte{version, 0, 0, 0, 0, 7}, "a session"},
		"an entry":         {entry, seal(entry, newValue(0)), "a revocation"},
		"a user's key":     {userKey(newSession("one", "ann").Key, "ann"), []byte{1}, "of itself"},
		"an unknown value": {[]byte("zebra"), []byte{1}, "an unknown value"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db := mustOpen(t, dir, zap.NewNop(), production())
			plant(t, db, planted.key, planted.value)
			mustClose(t, db)
			_, err := Check(dir, zap.NewNop())
			if err == nil || !strings.Contains(err.Error(), planted.words) || strings.Contains(err.Error(), "secret-user") {
				t.Errorf("Check = %v, want %q", err, planted.words)
			}
		})
	}
}

// Whatever a file holds, it is a whole backup or refused, and its reader believes no length.
func FuzzReadBackup(f *testing.F) {
	var small bytes.Buffer
	w := newBackupWriter(&small)
	_ = w.end()
	f.Add(small.Bytes())
	f.Add([]byte(backupHeader + "\x01m\x05\x01\x00\x00\x00\x00\x00"))
	f.Add([]byte(backupHeader + "\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		contents, err := ReadBackup(bytes.NewReader(data))
		if err != nil && (contents != Contents{} || !errors.Is(err, ErrBackup)) {
			t.Errorf("got %+v beside %v", contents, err)
		}
	})
}
