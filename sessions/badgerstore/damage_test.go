package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

// filled returns the directory of a closed store with sessions and revocations in a table, and with a user id that must
// not turn up in any error.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	for i := range 200 {
		mustPut(t, db, newSession(fmt.Sprint("session", i), "secret-user"))
	}
	if err := db.Journal().Append(t.Context(), revocation("one")); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	return dir
}

// refused checks that opening fails with words that name the directory and the way out, and removes nothing.
func refused(t *testing.T, dir string, parts ...string) {
	t.Helper()
	before := listing(t, dir)
	db, err := Open(dir, zap.NewNop())
	if err == nil {
		mustClose(t, db)
		t.Fatal("opened")
	}
	for _, part := range append(parts, dir) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "secret-user") {
		t.Errorf("the error %q names a user", err)
	}
	for name := range before {
		if name != "LOCK" && !strings.HasSuffix(name, ".mem") && !listing(t, dir)[name] {
			t.Errorf("the refusal removed %s", name)
		}
	}
}

func listing(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	return names
}

func removeFile(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tables returns the table files, of which there must be some.
func tables(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return found
}

func TestDamageIsRefused(t *testing.T) {
	for _, damage := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want []string
	}{
		{
			"no MANIFEST", func(t *testing.T, dir string) { removeFile(t, dir, badger.ManifestFilename) },
			[]string{badger.ManifestFilename, wayOut},
		},
		{"nothing but the marker", func(t *testing.T, dir string) {
			for name := range listing(t, dir) {
				if name != markerName {
					removeFile(t, dir, name)
				}
			}
		}, []string{badger.ManifestFilename, wayOut}},
		{"no marker", func(t *testing.T, dir string) { removeFile(t, dir, markerName) }, []string{markerName, wayOut}},
		{"no marker and no MANIFEST", func(t *testing.T, dir string) {
			removeFile(t, dir, markerName)
			removeFile(t, dir, badger.ManifestFilename)
		}, []string{markerName, wayOut}},
		{
			"another store's marker", func(t *testing.T, dir string) { writeFile(t, dir, markerName, newID()+"\n") },
			[]string{"another store", markerName, wayOut},
		},
		{
			"an empty marker", func(t *testing.T, dir string) { writeFile(t, dir, markerName, "") },
			[]string{"empty file " + markerName, wayOut},
		},
		{"an empty marker and no MANIFEST", func(t *testing.T, dir string) {
			writeFile(t, dir, markerName, "")
			removeFile(t, dir, badger.ManifestFilename)
		}, []string{badger.ManifestFilename, wayOut}},
		{
			"a marker cut short", func(t *testing.T, dir string) { writeFile(t, dir, markerName, "0123456789") },
			[]string{markerName, wayOut},
		},
		{"a marker of other text", func(t *testing.T, dir string) {
			writeFile(t, dir, markerName, strings.Repeat("z", 32)+"\n")
		}, []string{markerName, wayOut}},
		{
			"a damaged MANIFEST", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, badger.ManifestFilename), 20) },
			[]string{wayOut},
		},
		{
			"an empty MANIFEST", func(t *testing.T, dir string) { writeFile(t, dir, badger.ManifestFilename, "") },
			[]string{wayOut},
		},
		{
			"a damaged journal count", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, journalCountName), 3) },
			[]string{journalCountName, wayOut},
		},
		{"a table is missing", func(t *testing.T, dir string) {
			if err := os.Remove(tables(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
		}, []string{wayOut}},
		{"a new database in the old one's place", func(t *testing.T, dir string) {
			for name := range listing(t, dir) {
				if name != markerName {
					removeFile(t, dir, name)
				}
			}
			database, err := openBadger(dir, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			if err := database.Close(); err != nil {
				t.Fatal(err)
			}
		}, []string{"lost the store's id", wayOut}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			dir := filled(t)
			damage.do(t, dir)
			refused(t, dir, damage.want...)
		})
	}
}

// Every part of a table is covered: its blocks by their checksums, its index by its own.
func TestADamagedTableIsRefused(t *testing.T) {
	dir := filled(t)
	table := tables(t, dir)[0]
	whole, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int{0, 100, len(whole) / 3, len(whole) / 2} {
		if err := os.WriteFile(table, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		flip(t, table, offset)
		refused(t, dir, wayOut)
	}
	if err := os.WriteFile(table, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	mustHave(t, mustOpen(t, dir, zap.NewNop(), production()), newSession("session0", "secret-user"))
}

// Badger reads a table in goroutines of its own, where a panic would end the process.
func TestATableCutShortIsRefused(t *testing.T) {
	dir := filled(t)
	path := tables(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 64)
	for name, damaged := range map[string][]byte{
		"nothing left": {}, "three bytes left": whole[:3], "half": whole[:len(whole)/2], "all but a byte": whole[:len(whole)-1],
		"no end": whole[:len(whole)-64], "zeros at the end": append(bytes.Clone(whole[:len(whole)-64]), zeros...),
		"zeros": make([]byte, len(whole)), "noise": bytes.Repeat([]byte{0xa5, 0x3c, 0x07}, len(whole)/3),
		"a damaged block": append(bytes.Repeat([]byte{0xff}, len(whole)/2), whole[len(whole)/2:]...),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, "damaged", wayOut)
		})
	}
	// What a kill leaves of a table that is not part of the database yet is no damage.
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "000099.sst", "the beginning")
	mustHave(t, mustOpen(t, dir, zap.NewNop(), production()), newSession("session0", "secret-user"))
}

func flip(t *testing.T, path string, offset int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[offset] ^= 0x55
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// killed returns a copy of an open store's directory, which is what a kill would leave.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return left
}

// The end of a log that is missing or damaged is what a crash leaves: what came before is there.
func TestALogThatEndsEarly(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, zap.NewNop(), production())
	first, last := newSession("first", "ann"), newSession("last", "bob")
	mustPut(t, db, first, last)
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%d logs, %v, want 1", len(logs), err)
	}
	data, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndex(data, []byte("bob"))
	for name, do := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, int64(end)) },
		"damaged":   func(path string) error { flip(t, path, end); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			left := killed(t, dir)
			if err := do(filepath.Join(left, filepath.Base(logs[0]))); err != nil {
				t.Fatal(err)
			}
			again := mustOpen(t, left, zap.NewNop(), production())
			mustHave(t, again, first)
			if _, found, err := again.Sessions().Get(t.Context(), last.Key, start); found || err != nil {
				t.Errorf("Get = %v, %v for what was cut off", found, err)
			}
		})
	}
	t.Run("acknowledged", func(t *testing.T) {
		if err := db.Journal().Append(t.Context(), revocation("acknowledged")); err != nil {
			t.Fatal(err)
		}
		left := killed(t, dir)
		flip(t, filepath.Join(left, filepath.Base(logs[0])), end)
		refused(t, left, "acknowledged", journalCountName)
		removeFile(t, left, journalCountName)
		again := mustOpen(t, left, zap.NewNop(), production())
		if loaded := load(t, again); len(loaded) != 0 {
			t.Errorf("%d entries came back", len(loaded))
		}
		mustHave(t, mustOpen(t, killed(t, dir), zap.NewNop(), production()), last) // and without damage all is there
	})
	t.Run("gone", func(t *testing.T) {
		left := killed(t, dir)
		removeFile(t, left, filepath.Base(logs[0]))
		refused(t, left, "lost the store's id", wayOut)
	})
}

// A power failure may leave the file that was just made without what was written to it, which was not synced.
func TestAJournalCountThatNeverReachedTheDisk(t *testing.T) {
	for _, left := range []string{"", strings.Repeat("\x00", 21)} {
		dir := filled(t)
		writeFile(t, dir, journalCountName, left)
		if loaded := load(t, mustOpen(t, dir, zap.NewNop(), production())); len(loaded) != 1 {
			t.Errorf("%d entries, want 1", len(loaded))
		}
	}
}

// A kill between two steps of Badger's leaves logs without any length, old ones and new ones.
func TestEmptyLogsAreRemoved(t *testing.T) {
	for _, name := range []string{"00000.mem", "00001.mem", "00007.mem", "000000.vlog", "000007.vlog"} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			writeFile(t, dir, name, "")
			db := mustOpen(t, dir, zap.NewNop(), production())
			for i := range 200 {
				mustHave(t, db, newSession(fmt.Sprint("session", i), "secret-user"))
			}
			if loaded := load(t, db); len(loaded) != 1 {
				t.Errorf("%d entries, want 1", len(loaded))
			}
			mustPut(t, db, newSession("new", "ann"))
			// Not from under who has the store open.
			writeFile(t, dir, "00099.mem", "")
			if _, err := Open(dir, zap.NewNop()); err == nil || !listing(t, dir)["00099.mem"] {
				t.Errorf("opening what is open = %v, and left %v", err, listing(t, dir))
			}
		})
	}
}

func TestForeignDirectories(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"a file of somebody else's": func(t *testing.T, dir string) { writeFile(t, dir, "index.html", "") },
		"a directory": func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "certificates"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			prepare(t, dir)
			refused(t, dir, "other things", "empty")
			if found := listing(t, dir); len(found) != 1 {
				t.Errorf("the refusal left %v", found)
			}
		})
	}
	t.Run("another program's database", func(t *testing.T) {
		dir := t.TempDir()
		database, err := openBadger(dir, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if err := database.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, markerName)
	})
	t.Run("a file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "file")
		writeFile(t, filepath.Dir(dir), "file", "")
		if _, err := Open(dir, zap.NewNop()); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open = %v, want an error that names it", err)
		}
	})
	t.Run("the root of a file system", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
			t.Fatal(err)
		}
		mustOpen(t, dir, zap.NewNop(), production())
	})
}

// The steps of a first start, each as the last one before a kill.
func TestAnInterruptedCreation(t *testing.T) {
	with := func(t *testing.T, dir string, do func(db *DB) error) {
		t.Helper()
		database, err := openBadger(dir, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		db := newDB(dir, database, zap.NewNop(), production())
		if err := errors.Join(do(db), database.Close()); err != nil {
			t.Fatal(err)
		}
	}
	id := newID()
	steps := []struct {
		name string
		do   func(t *testing.T, dir string)
	}{
		{"marker", func(t *testing.T, dir string) {
			if err := createMarker(dir); err != nil {
				t.Fatal(err)
			}
		}},
		{"database", func(t *testing.T, dir string) { with(t, dir, func(*DB) error { return nil }) }},
		{"id in the database", func(t *testing.T, dir string) {
			with(t, dir, func(db *DB) error { return writeID(db.badger, id, db.settings.sync) })
		}},
		{"half of the new marker", func(t *testing.T, dir string) { writeFile(t, dir, markerName+".new", id[:9]) }},
		{"new marker", func(t *testing.T, dir string) { writeFile(t, dir, markerName+".new", id+"\n") }},
	}
	for last := range steps {
		t.Run(steps[last].name, func(t *testing.T) {
			dir := t.TempDir()
			for _, step := range steps[:last+1] {
				step.do(t, dir)
			}
			db := mustOpen(t, dir, zap.NewNop(), production())
			mustPut(t, db, newSession("one", "ann"))
			mustClose(t, db)
			if got, err := readMarker(dir); err != nil || got == "" || last >= 2 && got != id {
				t.Errorf("the marker has %q, %v", got, err)
			}
			mustHave(t, mustOpen(t, dir, zap.NewNop(), production()), newSession("one", "ann"))
		})
	}
}

// A value that is not as it was written is an error for who reads it, and can be replaced and deleted.
func TestADamagedValue(t *testing.T) {
	db := openTemp(t)
	one, other := newSession("one", "secret-user"), newSession("other", "bob")
	mustPut(t, db, other)
	at := recordKey(one.Key)
	good := seal(at, record.AppendSession(newValue(0), one))
	newer := bytes.Clone(good)
	newer[0]++
	elsewhere := seal(recordKey(other.Key), bytes.Clone(good))
	for name, value := range map[string][]byte{
		"a flipped bit": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), "nothing": {}, "cut short": good[:len(good)-1],
		"only a header": good[:headerSize], "another key's": elsewhere, "another version": seal(at, newer),
		"too long": seal(at, append(bytes.Clone(good), 0)), "no payload": seal(at, newValue(0)),
	} {
		t.Run(name, func(t *testing.T) {
			store := db.Sessions()
			plant(t, db, at, value)
			_, found, getErr := store.Get(t.Context(), one.Key, start)
			done, updateErr := store.Update(t.Context(), one, start)
			page, listErr := store.List(t.Context(), sessions.Query{Realm: "shop", Limit: 10}, start)
			if found || done || len(page.Sessions) > 0 {
				t.Errorf("Get: %v, Update: %v, List: %v beside an error", found, done, page)
			}
			for _, err := range []error{getErr, updateErr, listErr} {
				if !errors.Is(err, sessions.ErrUnavailable) || strings.Contains(err.Error(), "secret-user") {
					t.Errorf("the error is %v, want sessions.ErrUnavailable and no user", err)
				}
			}
			if deleted, err := store.Delete(t.Context(), one.Key); !deleted || err != nil {
				t.Errorf("Delete = %v, %v", deleted, err)
			}
			plant(t, db, at, value)
			mustPut(t, db, one)
			mustHave(t, db, one)
			if deleted, err := store.Delete(t.Context(), one.Key); !deleted || err != nil {
				t.Errorf("Delete = %v, %v", deleted, err)
			}
		})
	}
}

func plant(t *testing.T, db *DB, key, value []byte) {
	t.Helper()
	if err := db.badger.Update(func(txn *badger.Txn) error { return txn.Set(key, value) }); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedEntry(t *testing.T) {
	entry := revocation("one")
	key := entryKey(entry.Subject)
	good := entryValue(key, entry)
	strange := []byte{entryKind, 0xee, 1, 2, 3}
	for name, planted := range map[string]struct{ key, value []byte }{
		"a flipped bit":            {key, append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)},
		"too long":                 {key, seal(key, append(bytes.Clone(good), 0))},
		"no payload":               {key, seal(key, newValue(0))},
		"a subject not known here": {strange, entryValue(strange, entry)},
	} {
		t.Run(name, func(t *testing.T) {
			db := openTemp(t)
			plant(t, db, planted.key, planted.value)
			err := db.Journal().Load(t.Context(), start, func(blacklist.Entry) error { return nil })
			if !errors.Is(err, blacklist.ErrUnavailable) {
				t.Errorf("Load = %v, want blacklist.ErrUnavailable", err)
			}
			if bytes.Equal(planted.key, key) {
				if err := db.Journal().Append(t.Context(), entry); !errors.Is(err, blacklist.ErrUnavailable) {
					t.Errorf("Append = %v, want blacklist.ErrUnavailable: what is there can't be merged", err)
				}
			}
		})
	}
}
