package command_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filled is a site with sessions, one revoked user, and enough of them that there is a table once it is stopped.
func filled(t *testing.T) *site {
	t.Helper()
	s := newSite(t, "")
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, `{"realm": "shop", "id": "session-number-%04d", "user": "SECRET-user-%d"}`+"\n", i, i)
	}
	s.caddy(lines.String(), "sessions", "import", "-").done(t)
	s.caddy("", "revoke", "--realm", "shop", "--user", "SECRET-user-7").done(t)
	return s
}

func (s *site) stop() {
	s.Helper()
	if err := s.process.Stop(); err != nil {
		s.Fatal(err)
	}
}

// A backup that is taken while the gateway runs, restored in the place of a store that is lost: the gateway starts with
// it, and knows whom to let in and whom not.
func TestBackingUpAndRestoring(t *testing.T) {
	s := filled(t)
	file := filepath.Join(t.TempDir(), "backup")
	s.caddy("", "store", "backup", file).done(t, "Backed up 2,000 sessions and ")
	s.caddy("", "store", "backup", file).ended(t, 1, "exists already")
	asJSON := filepath.Join(t.TempDir(), "backup")
	var found struct {
		Location                 string
		Sessions, Entries, Bytes int64
	}
	s.caddy("", "store", "backup", asJSON, "--json").done(t).into(t, &found)
	if size := int64(len(readFile(t, asJSON))); found.Location != asJSON || found.Sessions != 2000 || found.Entries < 1 || found.Bytes != size {
		t.Errorf("--json says %+v of a backup of %d bytes", found, size)
	}
	if got := s.caddy("", "store", "backup", asJSON, "--json").ended(t, 1, "exists already"); got.out != "" {
		t.Errorf("a backup that is refused is printed: %s", got.out)
	}
	piped := s.caddy("", "store", "backup", "-").done(t)
	if !strings.HasPrefix(piped.out, "jwt_session backup 1\n") {
		t.Errorf("on standard output is %.40q", piped.out)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("beside the backup there are %d files", len(entries)-1)
	}
	caddy(t, "", "store", "restore", "--dir", s.store(), file).ended(t, 1, "is not empty")
	caddy(t, "", "store", "check", "--dir", s.store()).ended(t, 1, "is in use by process")
	s.stop()
	caddy(t, "", "store", "check", "--dir", s.store()).done(t, "is sound: 2,000 sessions and ")
	entries := found.Entries
	caddy(t, "", "store", "check", "--dir", s.store(), "--json").done(t).into(t, &found)
	if found.Location != s.store() || found.Sessions != 2000 || found.Entries != entries {
		t.Errorf("--json says %+v of the store", found)
	}
	elsewhere := filepath.Join(t.TempDir(), "store")
	caddy(t, "", "store", "restore", "--dir", elsewhere, file, "--json").done(t).into(t, &found)
	if found.Location != elsewhere || found.Sessions != 2000 || found.Entries != entries || found.Bytes < 1 {
		t.Errorf("--json says %+v of what was restored", found)
	}
	if err := os.RemoveAll(s.store()); err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{piped.out[:len(piped.out)/2], "hello", ""} {
		caddy(t, damaged, "store", "restore", "--dir", s.store(), "-").ended(t, 1, "not a whole backup")
	}
	if _, err := os.Lstat(s.store()); err == nil {
		t.Error("a backup that is damaged left a store")
	}
	caddy(t, "", "store", "restore", "--dir", s.store(), file).done(t, "Restored 2,000 sessions and ", s.store())
	s.start()
	(&visitor{site: s, session: "session-number-1999"}).want(200, "SECRET-user-1999 by session")
	(&visitor{site: s, session: "session-number-0007"}).want(401, "")
}

// A store is found by the configuration, too.
func TestTheStoreOfAConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "elsewhere")
	config := filepath.Join(t.TempDir(), "Caddyfile")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SESSIONS", dir)
	write("{\n\tjwt_session {\n\t\tstore badger {env.SESSIONS}\n\t}\n}\nhttp://:1 {\n}\n")
	caddy(t, "", "store", "check", "--config", config).ended(t, 1, "there is no session store in", dir)
	t.Setenv("XDG_DATA_HOME", dir)
	write("http://:1 {\n}\n")
	caddy(t, "", "store", "check", "--config", config).ended(t, 1, filepath.Join(dir, "caddy", "jwt_session"))
	caddy(t, "", "store", "check").ended(t, 1, filepath.Join(dir, "caddy", "jwt_session"))
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		t.Errorf("the check created %s", entries[0].Name())
	}
}

// Whatever is wrong with a store, the check says so in words, names the directory and repeats nothing of what is in it.
// Damage that ends the process that meets it is no exception.
func TestCheckingDamagedStores(t *testing.T) {
	s := filled(t)
	s.stop()
	caddy(t, "", "store", "check", "--dir", s.store()).done(t, "is sound")
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a table that was cut short": func(t *testing.T, dir string) {
			text := readFile(t, table(t, dir))
			writeFile(t, table(t, dir), text[:len(text)/2])
		},
		"an empty table": func(t *testing.T, dir string) { writeFile(t, table(t, dir), nil) },
		"a flipped bit in a table": func(t *testing.T, dir string) {
			text := readFile(t, table(t, dir))
			text[len(text)/3] ^= 1
			writeFile(t, table(t, dir), text)
		},
		"a table that has gone":            func(t *testing.T, dir string) { removeFile(t, table(t, dir)) },
		"a table of contents that is gone": func(t *testing.T, dir string) { removeFile(t, filepath.Join(dir, "MANIFEST")) },
		"a marker that is gone":            func(t *testing.T, dir string) { removeFile(t, filepath.Join(dir, "store-id")) },
		"another store's marker": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "store-id"), []byte(strings.Repeat("0", 32)+"\n"))
		},
		"a table of contents full of noise": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "MANIFEST"), bytes.Repeat([]byte("noise"), 20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(dir, os.DirFS(s.store())); err != nil {
				t.Fatal(err)
			}
			damage(t, dir)
			got := caddy(t, "", "store", "check", "--dir", dir).ended(t, 1, dir, "backup")
			for _, unwanted := range []string{"SECRET", "goroutine", "panic"} {
				if strings.Contains(got.out+got.errors, unwanted) {
					t.Errorf("the output has %q in it:\n%s%s", unwanted, got.out, got.errors)
				}
			}
		})
	}
}

func table(t *testing.T, dir string) string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return tables[0]
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
