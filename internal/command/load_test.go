package command_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dustin/go-humanize/english"
)

// manySessions is how many sessions are imported under load: as many as IMPORT_SESSIONS says, or a few.
func manySessions(t *testing.T) int {
	t.Helper()
	text := os.Getenv("IMPORT_SESSIONS")
	if text == "" {
		return 5_000
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// writeSessions writes an import: ten sessions for each user.
func writeSessions(t *testing.T, count int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sessions.ndjson")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i := range count {
		if _, err := fmt.Fprintf(file, `{"realm":"shop","id":"session-%08d","user":"user-%d","attributes":{"role":"customer"}}`+"\n", i, i/10); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// memory returns lines of the gateway's /proc status. Its process id is in the store's lock file.
func (s *site) memory(names ...string) string {
	pid, err := os.ReadFile(filepath.Join(s.store(), "LOCK"))
	if err != nil {
		return err.Error()
	}
	text, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/status")
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		for _, name := range names {
			if strings.HasPrefix(line, name+":") {
				found = append(found, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return strings.Join(found, ", ")
}

// load keeps visitors busy with pages until it is stopped. Each of them must be who he is, all the time.
type load struct {
	stop     chan struct{}
	wait     sync.WaitGroup
	requests atomic.Int64
}

func (s *site) load(visitors int) *load {
	l := &load{stop: make(chan struct{})}
	for number := range visitors {
		l.wait.Go(func() {
			v := &visitor{site: s, session: fmt.Sprintf("session-%08d", 1000+number*10)}
			want := fmt.Sprintf("user-%d by ", 100+number)
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				status, body, err := v.ask()
				if err != nil || status != http.StatusOK || !strings.HasPrefix(body, want) {
					s.Errorf("under load: status %d, %q, %v; want %q", status, body, err, want)
					return
				}
				l.requests.Add(1)
			}
		})
	}
	return l
}

func (l *load) end() int64 {
	close(l.stop)
	l.wait.Wait()
	return l.requests.Load()
}

// A fresh gateway that is driven by commands alone, each of which is in force with the next request while others go on.
func TestOperatingUnderLoad(t *testing.T) {
	s := newSite(t, "")
	count := manySessions(t)
	t.Logf("before: %s", s.memory("VmHWM", "RssAnon", "RssFile"))
	file := writeSessions(t, count)
	s.caddy("", "sessions", "import", file).done(t, "Imported "+english.Plural(count, "session", "")+"; 0 lines failed.")
	t.Logf("after %d sessions: %s", count, s.memory("VmHWM", "RssAnon", "RssFile"))

	visitors := s.load(4)
	ended, revoked := &visitor{site: s, session: "session-00000000"}, &visitor{site: s, session: "session-00000010"}
	for _, v := range []*visitor{ended, revoked} {
		who := map[*visitor]string{ended: "user-0", revoked: "user-1"}[v]
		v.want(200, who+" by session")
		v.want(200, who+" by token")
	}
	var page struct {
		Sessions []struct{ Hash string }
	}
	s.caddy("", "sessions", "list", "--realm", "shop", "--user", "user-0", "--json").done(t).into(t, &page)
	if len(page.Sessions) != 10 {
		t.Errorf("user-0 has %d sessions, want 10", len(page.Sessions))
	}
	s.caddy(ended.session, "sessions", "end", "--realm", "shop", "--session", "-").done(t)
	ended.want(401, "")
	s.caddy("", "revoke", "--realm", "shop", "--user", "user-1").done(t)
	revoked.want(401, "")
	(&visitor{site: s, session: "session-00000011"}).want(401, "")

	witness := &visitor{site: s, session: "session-00000020"}
	witness.want(200, "user-2 by session")
	s.caddy("", "keys", "rotate").done(t)
	witness.want(200, "user-2 by token")
	old := witness.token
	s.caddy("", "keys", "rotate", "--emergency").done(t)
	witness.want(200, "user-2 by session")
	witness.want(200, "user-2 by token")
	witness.token = old
	witness.want(200, "user-2 by session")
	s.caddy("", "store", "backup", filepath.Join(t.TempDir(), "backup")).done(t, "Backed up "+english.Plural(count-1, "session", ""))
	if requests := visitors.end(); requests == 0 {
		t.Error("nobody asked for a page meanwhile")
	} else {
		t.Logf("%d requests meanwhile; at the end: %s", requests, s.memory("VmHWM", "RssAnon", "RssFile"))
	}
}
