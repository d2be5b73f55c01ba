package redisstore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ info, want string }{
		{"redis_version:7.0.0", ""},
		{"redis_version:7.0.15", ""},
		{"redis_version:8.0.1", ""},
		{"redis_version:10.1", ""},
		{"redis_version:7", ""},
		{"redis_version:255.255.255", ""},
		{"redis_version:6.2.14", "Redis 6.2.14, which is too old: the gateway needs 7.0 or later"},
		{"redis_version:6.99", "Redis 6.99"},
		{"redis_version:4.0", "Redis 4.0"},
		{"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1", ""},
		{"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:7.2.0", ""},
		{"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:7.1.9", "Valkey 7.1.9, which is too old: the gateway needs 7.2 or later"},
		{"# Server\r\nredis_mode:standalone", ""},
		{"redis_version:unknown", ""},
	} {
		err := parseInfo(test.info).checkVersion()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %q", test.info, err, test.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const good = "maxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\n"
	for _, test := range []struct {
		info, appendfsync string
		want              []string // in the warnings, in their order
	}{
		{good, "everysec", nil},
		{good, "always", nil},
		{good, "", nil},
		{good, "no", []string{"its appendfsync is no"}},
		{good + "aof_enabled:0", "no", []string{"its appendonly is no"}},
		{good + "maxmemory_policy:allkeys-lru", "", nil}, // the memory has no limit
		{good + "maxmemory:100", "", nil},
		{good + "maxmemory:100\r\nmaxmemory_policy:allkeys-lru", "", []string{"its maxmemory-policy, which is allkeys-lru, to noeviction"}},
		{good + "maxmemory:100\r\nmaxmemory_policy:volatile-ttl", "", []string{"volatile-ttl"}},
		{good + "role:slave", "", []string{"the server is a replica"}},
		{"", "", nil},
	} {
		got := parseInfo(test.info).warnings(test.appendfsync)
		for i, want := range test.want {
			if i >= len(got) || !strings.Contains(got[i], want) {
				t.Errorf("%q: %q, want %q", test.info, got, test.want)
			}
		}
		if len(got) != len(test.want) {
			t.Errorf("%q: %q, want %q", test.info, got, test.want)
		}
	}
}

// What is wrong with a server stands in the log once, with the setting and without a secret.
func TestTheLogNamesTheSetting(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		for _, test := range []struct {
			name     string
			settings redistest.Settings
			redis    Redis
			level    zapcore.Level
			want     []string
		}{
			{"nothing", redistest.Settings{AppendOnly: true}, Redis{}, zapcore.WarnLevel, nil},
			{"no AOF", redistest.Settings{}, Redis{}, zapcore.WarnLevel, []string{"appendonly is no"}},
			{
				"no sync",
				redistest.Settings{More: []string{"appendonly yes", "appendfsync no"}},
				Redis{},
				zapcore.WarnLevel,
				[]string{"appendfsync is no"},
			},
			{
				"eviction",
				redistest.Settings{AppendOnly: true, More: []string{"maxmemory 100mb", "maxmemory-policy allkeys-lru"}},
				Redis{},
				zapcore.WarnLevel,
				[]string{"maxmemory-policy, which is allkeys-lru"},
			},
			{"no password", redistest.Settings{AppendOnly: true, Password: "right"}, Redis{}, zapcore.ErrorLevel, []string{"options username and password"}},
			{
				"a wrong password",
				redistest.Settings{AppendOnly: true, Password: "right"},
				Redis{Password: "hidden"},
				zapcore.ErrorLevel,
				[]string{"options username and password"},
			},
			{
				"a wrong user",
				redistest.Settings{AppendOnly: true, Password: "right"},
				Redis{Username: "shop", Password: "hidden"},
				zapcore.ErrorLevel,
				[]string{"options username and password"},
			},
			{
				"an ACL without a command",
				redistest.Settings{AppendOnly: true, Users: []string{"shop on >hidden " + leastRights("jwt_session") + " -xadd"}},
				Redis{Username: "shop", Password: "hidden"},
				zapcore.ErrorLevel,
				[]string{"the server's ACL", "+@write"},
			},
			{
				"an ACL without scripts",
				redistest.Settings{AppendOnly: true, Users: []string{"shop on >hidden " + leastRights("jwt_session") + " -evalsha"}},
				Redis{Username: "shop", Password: "hidden"},
				zapcore.ErrorLevel,
				[]string{"the command evalsha", "+evalsha"},
			},
			{
				"an ACL of another prefix",
				redistest.Settings{AppendOnly: true, Users: []string{"shop on >hidden " + leastRights("other")}},
				Redis{Username: "shop", Password: "hidden"},
				zapcore.ErrorLevel,
				[]string{"access the keys of the prefix", "~{jwt_session}:*"},
			},
			{"an unknown authority", redistest.Settings{AppendOnly: true, TLS: true}, Redis{}, zapcore.ErrorLevel, []string{"option tls_ca"}},
			{
				"a client's certificate",
				redistest.Settings{AppendOnly: true, TLS: true, More: []string{"tls-auth-clients yes"}},
				Redis{TLSCA: "its own"},
				zapcore.ErrorLevel,
				[]string{"tls-auth-clients"},
			},
			{"no TLS", redistest.Settings{AppendOnly: true}, Redis{URL: "rediss://"}, zapcore.ErrorLevel, []string{"one that speaks TLS"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				server := engine.Start(t, test.settings)
				redis := test.redis
				if redis.URL == "" {
					redis.URL = server.URL()
				} else {
					redis.URL += server.Address()
				}
				if redis.TLSCA != "" {
					redis.TLSCA = server.CA()
				}
				core, lines := zapobserver.New(zapcore.WarnLevel)
				place := openModule(t, &redis, zap.New(core))
				follow(t, place)
				ours := func() []zapobserver.LoggedEntry {
					return lines.Filter(func(line zapobserver.LoggedEntry) bool { return strings.HasPrefix(line.Message, "store redis: ") }).All()
				}
				one := newSession("one", "ann")
				if test.level == zapcore.WarnLevel { // the server can be used
					until(t, "the gateway can write", func() bool { return place.Sessions().Put(t.Context(), one, start) == nil })
				} else {
					until(t, "the log has the reason", func() bool {
						for _, err := range everyMethod(t.Context(), place.Sessions(), one) {
							if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "ann")) {
								t.Fatalf("the error %v tells a secret", err)
							}
						}
						return len(ours()) > 0
					})
				}
				for range 3 {
					everyMethod(t.Context(), place.Sessions(), one)
				}
				got := ours()
				if len(test.want) == 0 && len(got) > 0 || len(test.want) > 0 && (len(got) != 1 || got[0].Level != test.level) {
					t.Fatalf("the log has %+v, want one line of level %v with %q", got, test.level, test.want)
				}
				for _, want := range test.want {
					if !strings.Contains(got[0].Message, want) {
						t.Errorf("the log has %q, want %q in it", got[0].Message, want)
					}
				}
				for _, line := range lines.All() {
					if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, "hidden") {
						t.Errorf("the line %q tells a secret", text)
					}
				}
			})
		}
	})
}

// A server that comes back with other settings is looked at again.
func TestAServerIsInspectedAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		server := engine.Start(t, redistest.Settings{AppendOnly: true, More: []string{"maxmemory 100mb"}})
		core, lines := zapobserver.New(zapcore.WarnLevel)
		place := openModule(t, &Redis{URL: server.URL()}, zap.New(core))
		follow(t, place)
		until(t, "it is connected", func() bool { return place.(storage.Shared).Link().Connected })
		server.Do("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
		server.Do("CONFIG", "REWRITE")
		if lines.FilterMessageSnippet("volatile-lru").Len() > 0 {
			t.Error("it was inspected too late")
		}
		server.Restart()
		until(t, "it was inspected", func() bool { return lines.FilterMessageSnippet("volatile-lru").Len() > 0 })
	})
}

// A server that is too old is never used.
func TestAServerThatIsTooOld(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		store := openOn(t, engine.Start(t, redistest.Settings{}))
		core, lines := zapobserver.New(zapcore.WarnLevel)
		store.client.observer = newObserver(zap.New(core), "x")
		store.client.observer.fails(&tooOldError{"Redis", "6.2.0", oldestRedis})
		store.client.observer.fails(fmt.Errorf("connecting: %w", &tooOldError{"Redis", "6.2.0", oldestRedis}))
		if lines.Len() != 1 || lines.All()[0].Level != zapcore.ErrorLevel || !strings.Contains(lines.All()[0].Message, "Redis 6.2.0, which is too old: the gateway needs 7.0") {
			t.Errorf("the log has %+v", lines.All())
		}
		if err := unavailable(sessions.ErrUnavailable, "x", &tooOldError{"Redis", "6.2.0", oldestRedis}); !strings.Contains(err.Error(), "6.2.0") {
			t.Error(err)
		}
		info, _, err := inspect(context.Background(), *store.client.server.Load(), store.client.keys)
		if err != nil || info["redis_version"] == "" || info["maxmemory_policy"] == "" || info["aof_enabled"] == "" || info["role"] == "" || info.checkVersion() != nil {
			t.Errorf("the server tells %v, %v", info, err)
		}
	})
}
