package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

func provision(t *testing.T, b *Badger) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	return b.Provision(ctx)
}

func location(t *testing.T, dir string) string {
	t.Helper()
	b := &Badger{Dir: dir}
	if err := provision(t, b); err != nil {
		t.Fatal(err)
	}
	name, err := b.Location()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheModuleIsRegistered(t *testing.T) {
	info, err := caddy.GetModule("jwt_session.stores.badger")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(*Badger); !ok {
		t.Errorf("the module is %T", info.New())
	}
}

func TestUnmarshalCaddyfile(t *testing.T) {
	for _, test := range []struct{ name, input, dir, failure string }{
		{"the default", `badger`, "", ""},
		{"a directory", `badger /data/store`, "/data/store", ""},
		{"a placeholder", `badger {env.STORE}`, "{env.STORE}", ""},
		{"an empty directory", `badger ""`, "", "empty"},
		{"two directories", `badger /data /store`, "", `"/store"`},
		{"a block", "badger {\n\tsync on\n}", "", `"sync"`},
		{"a directory and a block", "badger /data {\n\tsync on\n}", "", `"sync"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b Badger
			err := b.UnmarshalCaddyfile(caddyfile.NewTestDispenser(test.input))
			if test.failure == "" {
				if err != nil || b.Dir != test.dir {
					t.Errorf("read %q, %v, want %q", b.Dir, err, test.dir)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.failure) {
				t.Errorf("the error is %v, want %s in it", err, test.failure)
			}
		})
	}
}

func TestPlaceholdersInTheDirectory(t *testing.T) {
	t.Setenv("BADGERSTORE_TEST_DIR", "/data/store")
	if got := location(t, "{env.BADGERSTORE_TEST_DIR}/here"); got != "/data/store/here" {
		t.Errorf("the location is %q", got)
	}
	for _, dir := range []string{"{env.BADGERSTORE_TEST_UNSET}", "/data/{no.such.thing}"} {
		err := provision(t, &Badger{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("Provision with dir %q = %v, want an error that names it", dir, err)
		}
	}
}

// However a directory is spelled it has one name, whether or not it exists.
func TestLocation(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(base)
	if err := os.Mkdir("there", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("there", "link"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, want string }{
		{base + "/there", "there"},
		{"there", "there"},
		{"./there/", "there"},
		{"link", "there"},
		{base + "//link/../link/", "there"},
		{"link/new/store", "there/new/store"},
		{"there/new/store", "there/new/store"},
		{"new", "new"},
		{".", ""},
	} {
		if got := location(t, test.dir); got != filepath.Join(base, test.want) {
			t.Errorf("location of %q is %q, want %q", test.dir, got, test.want)
		}
	}
	if got := location(t, "/"); got != "/" {
		t.Errorf("location of the root is %q", got)
	}
	if entries, err := os.ReadDir("there"); err != nil || len(entries) > 0 {
		t.Errorf("finding the location created %v, %v", entries, err)
	}
}

func TestTheDefaultDirectory(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	got := location(t, "")
	if want := filepath.Join(caddy.AppDataDir(), "jwt_session"); got != want {
		t.Errorf("the location is %q, want %q", got, want)
	}
	if _, err := os.Stat(got); !os.IsNotExist(err) {
		t.Errorf("the directory was created: %v", err)
	}
}

func TestTheModuleOpens(t *testing.T) {
	b := &Badger{Dir: filepath.Join(t.TempDir(), "store")}
	if err := provision(t, b); err != nil {
		t.Fatal(err)
	}
	storage, err := b.Open("", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Open("", zap.NewNop()); err == nil || again != nil {
		t.Errorf("a second Open = %v, %v, want nil and an error", again, err)
	}
	if err := storage.Sessions().Put(t.Context(), newSession("one", "ann"), start); err != nil {
		t.Errorf("Put: %v", err)
	}
	if err := storage.Journal().Append(t.Context(), revocation("one")); err != nil {
		t.Errorf("Append: %v", err)
	}
	if err := storage.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestReopenTakesNothingButTheStoreItKnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first, err := Open(dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	id := first.ID()
	if err := first.Close(); err != nil || len(id) != 2*idSize {
		t.Fatalf("the id %q, %v", id, err)
	}
	again, err := Reopen(dir, id, zap.NewNop())
	if err != nil || again.ID() != id {
		t.Fatalf("the same store: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Reopen(dir, newID(), zap.NewNop()); !errors.Is(err, storage.ErrOtherStore) {
		t.Errorf("another store: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if _, err := Reopen(empty, id, zap.NewNop()); !errors.Is(err, storage.ErrOtherStore) || !strings.Contains(err.Error(), empty) {
		t.Errorf("a directory that has gone: %v", err)
	}
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Errorf("it was created: %v", err)
	}
}
