package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

var (
	_ storage.Notes = (*notes)(nil)
	_ storage.Files = (*files)(nil)
)

func TestNotes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		store := openOn(t, server)
		notes, ctx := &notes{store.client}, t.Context()
		claim := func(name, value string, want bool) {
			t.Helper()
			if done, err := notes.Claim(ctx, name, value, time.Hour); done != want || err != nil {
				t.Errorf("Claim(%q, %q) = %v, %v, want %v", name, value, done, err, want)
			}
		}
		is := func(name, want string) {
			t.Helper()
			if got, found, err := notes.Get(ctx, name); got != want || found != (want != "") || err != nil {
				t.Errorf("Get(%q) = %q, %v, %v, want %q", name, got, found, err, want)
			}
		}
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		is("one", "")
		claim("one", "first", true)
		claim("one", "second", false)
		claim("one", "first", false)
		claim("two", "second", true)
		is("one", "first")
		check(notes.Put(ctx, "one", "third", time.Hour))
		is("one", "third")
		check(notes.Drop(ctx, "one", "first"))
		is("one", "third")
		check(notes.Drop(ctx, "one", "third"))
		check(notes.Drop(ctx, "one", "third"))
		is("one", "")
		claim("one", "a\x00\xff", true)
		is("one", "a\x00\xff")
		is("two", "second")
		check(notes.Put(ctx, "short", "value", time.Millisecond))
		until(t, "the note is over", func() bool {
			_, found, err := notes.Get(ctx, "short")
			return !found && err == nil
		})
		claim("short", "value", true)
		if done, err := notes.Claim(ctx, "none", "value", 0); !done || err != nil {
			t.Errorf("a claim of no time: %v, %v", done, err)
		}

		var claimed atomic.Int64
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				if done, err := notes.Claim(ctx, "many", fmt.Sprint(i), time.Hour); err != nil {
					t.Error(err)
				} else if done {
					claimed.Add(1)
				}
			})
		}
		wait.Wait()
		if claimed.Load() != 1 {
			t.Errorf("%d of 8 have claimed one note", claimed.Load())
		}

		// A server that was emptied has forgotten who claimed.
		server.Do("FLUSHALL")
		_, claimErr := notes.Claim(ctx, "one", "value", time.Hour)
		_, _, getErr := notes.Get(ctx, "one")
		for _, err := range []error{claimErr, getErr, notes.Put(ctx, "one", "value", time.Hour), notes.Drop(ctx, "one", "value")} {
			if !errors.Is(err, sessions.ErrUnavailable) || !errors.Is(err, errExchanged) {
				t.Errorf("on an emptied server: %v", err)
			}
		}
	})
}

func openFiles(t *testing.T, server *redistest.Server, author string) *files {
	t.Helper()
	return newFiles(openOn(t, server).client, author, logLua)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		first, second, ctx := openFiles(t, server, "first"), openFiles(t, server, "second"), t.Context()
		if _, err := first.Load(ctx, "keys"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("a file that is not there: %v", err)
		}
		for _, content := range []string{"", "one", "a\nb\x00\xff\n", strings.Repeat("x", 1<<20)} {
			if err := first.Store(ctx, "keys", []byte(content)); err != nil {
				t.Fatal(err)
			}
			for _, files := range []*files{first, second} {
				if got, err := files.Load(ctx, "keys"); string(got) != content || err != nil {
					t.Errorf("the file has %d bytes, %v, want %d", len(got), err, len(content))
				}
			}
		}
		if got := server.Do("XLEN", first.client.keys.log()); got != "4" {
			t.Errorf("the log has %s entries of 4 files", got)
		}
		if got := server.Do("XREVRANGE", first.client.keys.log(), "+", "-", "COUNT", "1"); !strings.Contains(got, "first") || !strings.Contains(got, "keys") {
			t.Errorf("the last entry of the log is %s", got)
		}
		server.Do("SET", first.client.keys.file("keys"), "damaged")
		if _, err := first.Load(ctx, "keys"); !errors.Is(err, errAnswer) || !errors.Is(err, sessions.ErrUnavailable) {
			t.Errorf("a damaged file: %v", err)
		}
		server.Do("FLUSHALL")
		if _, err := first.Load(ctx, "keys"); !errors.Is(err, errExchanged) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file on an emptied server: %v", err)
		}
		if err := first.Store(ctx, "keys", nil); !errors.Is(err, errExchanged) {
			t.Errorf("storing on an emptied server: %v", err)
		}
	})
}

// A lock excludes others, also in the same gateway, until it is given back or over.
func TestLocks(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{})
		first, second, ctx := openFiles(t, server, "first"), openFiles(t, server, "second"), t.Context()
		if err := first.Lock(ctx, "keys"); err != nil {
			t.Fatal(err)
		}
		for _, files := range []*files{first, second} {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			if err := files.Lock(short, "keys"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a second lock: %v", err)
			}
		}
		if err := second.Lock(ctx, "others"); err != nil {
			t.Errorf("the lock of another file: %v", err)
		}
		key := first.client.keys.lock("keys")
		until(t, "the lock of the one who gave up stays away", func() bool { return server.Do("GET", key) == first.tokens["keys"] })
		if err := second.Unlock(ctx, "keys"); err != nil || server.Do("EXISTS", key) != "1" {
			t.Errorf("another gateway gives the lock back: %v", err)
		}
		if err := first.Store(ctx, "keys", []byte("with the lock")); err != nil {
			t.Error(err)
		}
		if left := server.Do("PTTL", key); len(left) > 5 || left == "-1" {
			t.Errorf("the lock is over after %s ms", left)
		}

		locked := make(chan error, 1)
		go func() { locked <- second.Lock(ctx, "keys") }()
		if err := first.Unlock(ctx, "keys"); err != nil {
			t.Error(err)
		}
		if err := <-locked; err != nil {
			t.Errorf("the lock that was given back: %v", err)
		}
		server.Do("DEL", key) // a minute is over
		if err := first.Lock(ctx, "keys"); err != nil {
			t.Fatal(err)
		}
		if err := second.Store(ctx, "keys", []byte("too late")); !errors.Is(err, errUnlocked) {
			t.Errorf("storing after the lock was over: %v", err)
		}
		if err := second.Unlock(ctx, "keys"); err != nil || server.Do("EXISTS", key) != "1" {
			t.Errorf("giving back a lock that is over, and that another has: %v", err)
		}
		if got, err := first.Load(ctx, "keys"); string(got) != "with the lock" || err != nil {
			t.Errorf("the file is %q, %v", got, err)
		}
	})
}

// A server that was emptied gets the newest file that a gateway knows, whoever comes first.
func TestFilesAreRestored(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, order := range [][]string{{"old", "new", "old"}, {"new", "old", "new"}} {
			server := engine.Start(t, redistest.Settings{})
			gateways, ctx := map[string]*files{"old": openFiles(t, server, "old"), "new": openFiles(t, server, "new")}, t.Context()
			if err := gateways["new"].Store(ctx, "keys", []byte("old")); err != nil {
				t.Fatal(err)
			}
			if _, err := gateways["old"].Load(ctx, "keys"); err != nil {
				t.Fatal(err)
			}
			if err := gateways["new"].Store(ctx, "keys", []byte("new")); err != nil {
				t.Fatal(err)
			}
			server.Do("FLUSHALL")
			for _, name := range []string{"old", "new"} {
				(&testStore{store: &store{client: gateways[name].client}}).join(t)
			}
			for _, name := range order {
				for file, value := range gateways[name].known() {
					if err := gateways[name].restore(ctx, file, value); err != nil {
						t.Errorf("%s restores: %v", name, err)
					}
				}
			}
			if got, err := gateways["old"].Load(ctx, "keys"); string(got) != "new" || err != nil {
				t.Errorf("restored in the order %q the file is %q, %v", order, got, err)
			}
		}
	})
}
