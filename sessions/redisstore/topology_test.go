package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/redisstore/redistest"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/sessionstest"
)

// until asks again until the answer is yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(2 * time.Minute) // sentinels wait for half a minute where the machine is slow
	for !ask() {
		select {
		case <-deadline:
			t.Fatalf("it takes too long until %s", what)
		case <-ticker.C:
		}
	}
}

// All keys of an installation are on one node of a cluster, and every script finds them there.
func TestCluster(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		cluster := engine.StartCluster(t, 3)
		count := 0
		sessionstest.Run(t, func(t *testing.T) sessions.Store {
			count++
			return open(t, optionOf(t, cluster[0].URL()+"?addr="+cluster[1].Address()), fmt.Sprint("store ", count)).store
		})
		for i, node := range cluster {
			if node.Do("DBSIZE") == "0" {
				t.Errorf("of %d installations none is on node %d", count, i)
			}
		}
	})
}

// When the master is gone, a replica takes its place, and the gateway goes on with that.
func TestSentinel(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, engine redistest.Engine) {
		master := engine.Start(t, redistest.Settings{})
		host, port, _ := strings.Cut(master.Address(), ":")
		replica := engine.Start(t, redistest.Settings{More: []string{"replicaof " + host + " " + port, "repl-diskless-sync-delay 0"}})
		sentinel := engine.Start(t, redistest.Settings{Sentinel: true, More: []string{
			"sentinel monitor shop " + host + " " + port + " 1", "sentinel down-after-milliseconds shop 20000",
		}})
		until(t, "the sentinel knows the replica", func() bool {
			return strings.Contains(sentinel.Do("INFO", "sentinel"), "slaves=1,") && strings.Contains(replica.Do("INFO", "replication"), "master_link_status:up")
		})
		store := open(t, optionOf(t, sentinel.URL()+"?master_set=shop"), defaultPrefix)
		one, other := newSession("one", "ann"), newSession("two", "ann")
		mustPut(t, store, one)
		until(t, "the replica has taken over all", func() bool { return replica.Do("EXISTS", store.client.keys.session(one.Key)) == "1" })
		master.Kill()
		sentinel.Do("SENTINEL", "FAILOVER", "shop") // on a slow machine it would be sure of an end too early
		until(t, "the gateway goes on", func() bool { return store.Put(t.Context(), other, start) == nil })
		mustHave(t, store, one)
		mustHave(t, store, other)
		if got := replica.Do("EXISTS", store.client.keys.session(other.Key)); got != "1" {
			t.Error("the session is not on the replica that became the master")
		}
	})
}
