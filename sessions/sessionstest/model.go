package sessionstest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// testModel compares the store with a map. There is one store for all runs, so each has a realm of its own.
func testModel(t *testing.T, store sessions.Store) {
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := &model{store: store, realm: fmt.Sprint("realm ", run), now: start, records: map[sessions.Hash]sessions.Session{}}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "update": m.update, "delete": m.delete, "get": m.get, "list": m.list, "pass time": m.passTime,
			"": func(*rapid.T) {},
		})
		m.list(t)
	})
}

type model struct {
	store   sessions.Store
	realm   string
	now     time.Time
	records map[sessions.Hash]sessions.Session
}

func (m *model) draw(t *rapid.T) sessions.Session {
	one := sessions.Session{
		Key:      m.drawKey(t),
		User:     rapid.SampledFrom([]string{"ann", "bob", "a"}).Draw(t, "user"),
		Source:   rapid.SampledFrom([]sessions.Source{sessions.Learned, sessions.Added}).Draw(t, "source"),
		AuthTime: rapid.Int64Range(1, 3).Draw(t, "auth time"), Rolling: rapid.Bool().Draw(t, "rolling"),
		Provider: sessions.ProviderSession{rapid.Byte().Draw(t, "provider's session") % 3},
		Seen:     m.now, Confirmed: m.now, Ends: m.now.Add(24 * time.Hour),
		Expires: m.now.Add(time.Duration(rapid.IntRange(-1, 10).Draw(t, "minutes to live")) * time.Minute),
	}
	if text := rapid.String().Draw(t, "attribute"); text != "" {
		one.Attributes = sessions.Attributes{"text": sessions.Text(text), "list": sessions.List(text, text)}
	}
	return one
}

func (m *model) drawKey(t *rapid.T) sessions.Key {
	return sessions.Key{Realm: m.realm, Hash: sessions.Hash{rapid.Byte().Draw(t, "hash") % 5}}
}

// present returns what is there now by the model.
func (m *model) present(hash sessions.Hash) (sessions.Session, bool) {
	one, ok := m.records[hash]
	if !ok || one.Expired(m.now) {
		return sessions.Session{}, false
	}
	return one, true
}

func (m *model) write(one sessions.Session) {
	delete(m.records, one.Hash)
	if !one.Expired(m.now) {
		m.records[one.Hash] = one
	}
}

func (m *model) put(t *rapid.T) {
	one := m.draw(t)
	if err := m.store.Put(context.Background(), one, m.now); err != nil {
		t.Fatalf("Put: %v", err)
	}
	m.write(one)
}

func (m *model) update(t *rapid.T) {
	one := m.draw(t)
	done, err := m.store.Update(context.Background(), one, m.now)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	old, there := m.present(one.Hash)
	want := there && old.AuthTime == one.AuthTime
	if done != want {
		t.Fatalf("Update = %v, want %v", done, want)
	}
	if want {
		m.write(one)
	}
}

func (m *model) delete(t *rapid.T) {
	key := m.drawKey(t)
	done, err := m.store.Delete(context.Background(), key)
	if err != nil {
		t.Fatalf("Delete: %v", err)
	}
	_, there := m.records[key.Hash]
	_, active := m.present(key.Hash)
	if done && !there || !done && active {
		t.Fatalf("Delete = %v where a session is there: %v, not expired: %v", done, there, active)
	}
	delete(m.records, key.Hash)
}

func (m *model) get(t *rapid.T) {
	key := m.drawKey(t)
	got, found, err := m.store.Get(context.Background(), key, m.now)
	want, there := m.present(key.Hash)
	if err != nil || found != there || !equal(got, want) {
		t.Fatalf("Get = %+v, %v, %v, want %+v, %v", got, found, err, want, there)
	}
}

func (m *model) list(t *rapid.T) {
	query := sessions.Query{
		Realm: m.realm,
		User:  rapid.SampledFrom([]string{"", "ann", "bob", "a", "nobody"}).Draw(t, "user"),
		Provider: sessions.ProviderSession{
			rapid.SampledFrom([]byte{0, 0, 1, 2, 3}).Draw(t, "provider's session"),
		},
		After: sessions.Hash{rapid.Byte().Draw(t, "after") % 6, rapid.Byte().Draw(t, "after not there") % 2},
		Limit: rapid.IntRange(1, 6).Draw(t, "limit"),
	}
	var want []sessions.Session
	for _, hash := range slices.SortedFunc(maps.Keys(m.records), compare) {
		one, there := m.present(hash)
		after := query.After == sessions.Hash{} || compare(hash, query.After) > 0
		if there && after && (query.User == "" || query.User == one.User) &&
			(!query.Provider.Present() || query.Provider == one.Provider) {
			want = append(want, one)
		}
	}
	more := len(want) > query.Limit
	want = want[:min(len(want), query.Limit)]
	page, err := m.store.List(context.Background(), query, m.now)
	if err != nil || page.More != more || !slices.EqualFunc(page.Sessions, want, equal) {
		t.Fatalf("List(%+v) = %+v, %v, want %+v and more: %v", query, page, err, want, more)
	}
}

func (m *model) passTime(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 8).Draw(t, "minutes")) * time.Minute)
}

func compare(a, b sessions.Hash) int { return bytes.Compare(a[:], b[:]) }
