package redisstore

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

func provision(t *testing.T, r *Redis) error {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	return r.Provision(ctx)
}

func location(t *testing.T, r *Redis) string {
	t.Helper()
	if err := provision(t, r); err != nil {
		t.Fatal(err)
	}
	name, err := r.Location()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTheModuleIsRegistered(t *testing.T) {
	t.Parallel()
	info, err := caddy.GetModule("jwt_session.stores.redis")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(*Redis); !ok {
		t.Errorf("the module is %T", info.New())
	}
}

func TestLocation(t *testing.T) {
	t.Setenv("REDISSTORE_TEST_HOST", "redis.example")
	for _, test := range []struct {
		redis *Redis
		want  string
	}{
		{&Redis{URL: "redis://localhost"}, `redis://localhost:6379 "jwt_session"`},
		{&Redis{URL: "redis://user:hidden@LOCALHOST:6379/0", Prefix: "shop"}, `redis://localhost:6379 "shop"`},
		{&Redis{URL: " redis://{env.REDISSTORE_TEST_HOST}/2 "}, `redis://redis.example:6379/2 "jwt_session"`},
	} {
		if got := location(t, test.redis); got != test.want {
			t.Errorf("the location of %s is %s, want %s", test.redis.URL, got, test.want)
		}
		if entries, err := os.ReadDir(os.Getenv("XDG_DATA_HOME")); err != nil || len(entries) > 0 {
			t.Errorf("finding the location created %v, %v", entries, err)
		}
	}
}

// Each option that is wrong is named, and no error repeats a secret.
func TestProvisionRefuses(t *testing.T) {
	t.Setenv("REDISSTORE_TEST_EMPTY", " ")
	t.Setenv("REDISSTORE_TEST_URL", "redis://:hidden@")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	const good = "redis://localhost"
	for _, test := range []struct {
		redis *Redis
		want  string
	}{
		{&Redis{}, "url: its scheme"},
		{&Redis{URL: "{env.REDISSTORE_TEST_UNSET}"}, "url: a placeholder in it is unknown or empty"},
		{&Redis{URL: "{env.REDISSTORE_TEST_URL}"}, "url: it names no host"},
		{&Redis{URL: "redis://:hidden@localhost:x"}, "url: it is no URL"},
		{&Redis{URL: good, MaxStale: -1}, "max_stale -1ns: want a duration above 0"},
		{&Redis{URL: good, Timeout: -1}, "timeout -1ns: want a duration above 0"},
		{&Redis{URL: good, Replicas: -1}, "replicas -1: want a number above 0"},
		{&Redis{URL: good, Prefix: "a}b"}, `prefix "a}b": want 1 to 64 letters`},
		{&Redis{URL: good, Prefix: strings.Repeat("a", 65)}, "want 1 to 64 letters"},
		{&Redis{URL: good, Username: "ann"}, "username: it needs a password"},
		{&Redis{URL: "redis://ann@localhost"}, "username: it needs a password"},
		{&Redis{URL: "redis://:hidden@localhost", Password: "hidden"}, "they stand in the URL already"},
		{&Redis{URL: "redis://ann:hidden@localhost", Username: "ann"}, "they stand in the URL already"},
		{&Redis{URL: good, Password: "{env.REDISSTORE_TEST_UNSET}"}, "password: a placeholder in it is unknown or empty"},
		{&Redis{URL: good, Password: "{hidden"}, ""}, // no placeholder
		{&Redis{URL: good, Password: "{file./no/such/file}"}, "password: "},
		{&Redis{URL: good, Password: "{env.REDISSTORE_TEST_EMPTY}"}, "password: it is empty"},
		{&Redis{URL: good, Username: "{env.REDISSTORE_TEST_UNSET}", Password: "hidden"}, "username: a placeholder in it"},
		{&Redis{URL: good, Dir: "{env.REDISSTORE_TEST_UNSET}"}, `dir "{env.REDISSTORE_TEST_UNSET}": a placeholder`},
		{&Redis{URL: good, TLSCA: empty}, "tls_ca: the URL is one without TLS; want rediss://"},
		{&Redis{URL: "rediss://localhost", TLSCA: "/no/such/file.pem"}, `tls_ca "/no/such/file.pem": `},
		{&Redis{URL: "rediss://localhost", TLSCA: empty}, "there is no certificate in PEM form in it"},
	} {
		err := provision(t, test.redis)
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "store redis: ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("Provision of %+v = %v, want %q in it", *test.redis, err, test.want)
		}
	}
}

// Two configurations with different options are told apart, and neither password is told.
func TestOptions(t *testing.T) {
	base := Redis{URL: "redis://localhost", Username: "ann", Password: "hidden"}
	same := base
	if err := provision(t, &same); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Redis){
		"password": func(r *Redis) { r.Password = "hidden too" },
		"username": func(r *Redis) { r.Username = "bob" },
		"timeout":  func(r *Redis) { r.Timeout = caddy.Duration(time.Minute) },
		"dir":      func(r *Redis) { r.Dir = "/elsewhere" },
		"replicas": func(r *Redis) { r.Replicas = 1 },
		"":         func(r *Redis) { r.MaxStale = caddy.Duration(time.Hour) }, // it may change while the store is open
	} {
		other := base
		change(&other)
		if other.Dir == "" {
			other.Dir = same.dir
		}
		if err := provision(t, &other); err != nil {
			t.Fatal(err)
		}
		if got := other.Options(); (got == same.Options()) != (what == "") || !strings.Contains(got, what) || strings.Contains(got, "hidden") {
			t.Errorf("with another %q: %q, before: %q", what, got, same.Options())
		}
	}
	if same.StaleAfter() != 5*time.Minute {
		t.Errorf("max_stale is %v without the option", same.StaleAfter())
	}
}

func openModule(t *testing.T, r *Redis, logger *zap.Logger) storage.Place {
	t.Helper()
	if err := provision(t, r); err != nil {
		t.Fatal(err)
	}
	place, err := r.Open("", logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := place.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return place
}

// follow lets a place talk to its server until the test ends.
func follow(t *testing.T, place storage.Place) {
	t.Helper()
	go place.(storage.Shared).Follow(t.Context(), silent{})
}

type silent struct{}

func (silent) Apply([]storage.Change) {}
func (silent) Linked(storage.Link)    {}
func (silent) Stored(string)          {}

// The server need not be there when the gateway starts.
func TestOpenWithoutAServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // it accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, url := range []string{"redis://127.0.0.1:1", "redis://" + listener.Addr().String(), "unix:///no/such/socket", "redis://127.0.0.1:1?master_set=a"} {
		place := openModule(t, &Redis{URL: url, Timeout: caddy.Duration(100 * time.Millisecond)}, zap.NewNop())
		one := newSession("one", "ann")
		if _, found, err := place.Sessions().Get(t.Context(), one.Key, start); found || err == nil {
			t.Errorf("%s: Get = %v, %v", url, found, err)
		}
		if place.(storage.Shared).Link().Connected {
			t.Errorf("%s: it is connected", url)
		}
	}
}

// Every way to reach a server leads to one that can be used.
func TestWaysToTheServer(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, test := range []struct {
			name     string
			settings redistest.Settings
			redis    func(*redistest.Server) *Redis
		}{
			{"plain", redistest.Settings{}, func(s *redistest.Server) *Redis { return &Redis{URL: s.URL()} }},
			{"another database", redistest.Settings{}, func(s *redistest.Server) *Redis { return &Redis{URL: s.URL() + "/3"} }},
			{"a socket", redistest.Settings{}, func(s *redistest.Server) *Redis { return &Redis{URL: "unix://" + s.Socket()} }},
			{"a password in the URL", redistest.Settings{Password: "se/cret"}, func(s *redistest.Server) *Redis {
				return &Redis{URL: "redis://:se%2Fcret@" + s.Address()}
			}},
			{"a password of its own", redistest.Settings{Password: "secret"}, func(s *redistest.Server) *Redis {
				return &Redis{URL: s.URL(), Password: "secret"}
			}},
			{"a user with the least rights", redistest.Settings{Users: []string{"shop on >secret " + leastRights("shop")}, Password: "x"}, func(s *redistest.Server) *Redis {
				return &Redis{URL: s.URL(), Username: "shop", Password: "secret", Prefix: "shop"}
			}},
			{"TLS", redistest.Settings{TLS: true}, func(s *redistest.Server) *Redis { return &Redis{URL: s.URL(), TLSCA: s.CA()} }},
			{"TLS by name", redistest.Settings{TLS: true}, func(s *redistest.Server) *Redis {
				return &Redis{URL: strings.Replace(s.URL(), "127.0.0.1", "localhost", 1), TLSCA: s.CA()}
			}},
		} {
			t.Run(test.name, func(t *testing.T) {
				server := engine.Start(t, test.settings)
				place := openModule(t, test.redis(server), zap.NewNop())
				follow(t, place)
				one := newSession("one", "ann")
				until(t, "the gateway can write", func() bool { return place.Sessions().Put(t.Context(), one, start) == nil })
				if got, found, err := place.Sessions().Get(t.Context(), one.Key, start); !found || err != nil || got.User != "ann" {
					t.Errorf("Get = %+v, %v, %v", got, found, err)
				}
				entry := blacklist.Entry{Subject: blacklist.EndOf("shop", one.Hash), Second: one.AuthTime, Expires: one.Expires}
				if err := place.Journal().Append(t.Context(), entry); err != nil {
					t.Errorf("Append: %v", err)
				}
				if _, err := place.(storage.Shared).Gateways(t.Context()); err != nil {
					t.Errorf("Gateways: %v", err)
				}
				if count, err := place.Sessions().Count(t.Context()); count != 0 || err != nil {
					t.Errorf("Count = %d, %v after the end", count, err)
				}
			})
		}
	})
}

// leastRights returns what errors say that a user needs, for a prefix.
func leastRights(prefix string) string {
	rights, _, _ := strings.Cut(neededACL, " (")
	return strings.Replace(rights, "jwt_session", prefix, 1)
}

// A password in a file is read anew, so that it can be changed without a restart.
func TestAPasswordThatChanges(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{Password: "first"})
		file := filepath.Join(t.TempDir(), "password")
		write := func(password string) {
			if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("first")
		place := openModule(t, &Redis{URL: server.URL(), Password: "{file." + file + "}"}, zap.NewNop())
		follow(t, place)
		one := newSession("one", "ann")
		works := func() bool { return place.Sessions().Put(t.Context(), one, start) == nil }
		until(t, "the first password works", works)
		server.Do("CONFIG", "SET", "requirepass", "second")
		write("second")
		server.SetPassword("second")
		server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		until(t, "the second password works", works)
	})
}
