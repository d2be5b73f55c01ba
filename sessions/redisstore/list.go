package redisstore

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// maxRead is how many records are read at once.
	maxRead = 500
	// The sets of a realm's sessions that are asked for at once: few at first, and four times as many with each question.
	firstBuckets, maxBuckets = 4, 256
)

// List implements [sessions.Store]. For the sessions of one user or one provider's session it takes one round trip while
// they are no more than the page may have, and two for any page.
func (s *store) List(ctx context.Context, query sessions.Query, now time.Time) (sessions.Page, error) {
	page, err := s.list(ctx, query, now)
	if err != nil {
		return sessions.Page{}, unavailable(sessions.ErrUnavailable, "listing sessions", err)
	}
	return page, nil
}

func (s *store) list(ctx context.Context, query sessions.Query, now time.Time) (sessions.Page, error) {
	switch {
	case query.Limit < 1:
		return sessions.Page{}, errLimit
	case s.client.joined() == "":
		return sessions.Page{}, errNotJoined
	}
	l := lister{store: s, query: query, now: now}
	if set := s.client.keys.leading(query); set != "" {
		_, err := l.addSets(ctx, []string{set})
		return l.page, err
	}
	return l.page, l.addRealm(ctx)
}

// lister collects one page.
type lister struct {
	store *store
	query sessions.Query
	now   time.Time
	page  sessions.Page
}

// addRealm adds the sessions of the whole realm. They are in sets by the beginning of their hashes.
func (l *lister) addRealm(ctx context.Context) error {
	keys := l.store.client.keys
	first := strconv.FormatInt(int64(bucketNumber(l.query.After)), 10)
	buckets, err := l.store.client.do(ctx, func(b rueidis.Builder) rueidis.Completed {
		return b.Zrangebyscore().Key(keys.directory(l.query.Realm)).Min(first).Max("+inf").Build()
	}).AsStrSlice()
	if err != nil {
		return err
	}
	for count := firstBuckets; ; count = min(4*count, maxBuckets) {
		var sets []string
		for _, bucket := range buckets[:min(count, len(buckets))] {
			sets = append(sets, keys.bucket(l.query.Realm, bucket))
		}
		full, err := l.addSets(ctx, sets) // also of no sets: it looks at the epoch
		buckets = buckets[min(count, len(buckets)):]
		if full || err != nil || len(buckets) == 0 {
			return err
		}
	}
}

// addSets adds the sessions that the sets lead to, and reports whether the page is full and has more behind it.
func (l *lister) addSets(ctx context.Context, sets []string) (full bool, err error) {
	client := l.store.client
	few := min(l.query.Limit-len(l.page.Sessions)+1, maxRead)
	answer, err := client.run(ctx, namesScript, append([]string{client.keys.epoch()}, sets...), []string{
		client.joined(), l.query.Realm, strconv.FormatInt(l.now.UnixMilli(), 10), strconv.Itoa(few),
	}).ToArray()
	if err != nil {
		return false, err
	}
	found, err := foundOf(answer)
	if err != nil {
		return false, err
	}
	found = slices.DeleteFunc(found, func(f foundSession) bool {
		return l.query.After != (sessions.Hash{}) && bytes.Compare(f.hash[:], l.query.After[:]) <= 0
	})
	slices.SortFunc(found, func(a, b foundSession) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	for len(found) > 0 {
		size := min(len(found), l.query.Limit-len(l.page.Sessions)+1, maxRead)
		part := found[:size]
		if !part[0].read {
			if err := l.store.readFound(ctx, l.query.Realm, part); err != nil {
				return false, err
			}
		}
		for _, one := range part {
			if full, err := l.add(one); full || err != nil {
				return full, err
			}
		}
		found = found[size:]
	}
	return false, nil
}

// add adds one session that was found unless it is none of the page, and reports whether the page is full.
func (l *lister) add(one foundSession) (full bool, err error) {
	session, there, err := parseValue(sessions.Key{Realm: l.query.Realm, Hash: one.hash}, one.record)
	if err != nil || !there || session.Expired(l.now) || !l.asksFor(session) {
		return false, err
	}
	if len(l.page.Sessions) == l.query.Limit {
		l.page.More = true
		return true, nil
	}
	l.page.Sessions = append(l.page.Sessions, session)
	return false, nil
}

// asksFor reports whether the query asks for the session. What leads to a record may be of an earlier one with its key.
func (l *lister) asksFor(session sessions.Session) bool {
	return (l.query.User == "" || l.query.User == session.User) &&
		(!l.query.Provider.Present() || l.query.Provider == session.Provider)
}

// foundSession is a session that a set leads to.
type foundSession struct {
	hash   sessions.Hash
	read   bool // whether record was read
	record rueidis.RedisMessage
}

// foundOf reads the answer of namesScript.
func foundOf(answer []rueidis.RedisMessage) ([]foundSession, error) {
	if len(answer) != 2 {
		return nil, errAnswer
	}
	names, err := answer[0].AsStrSlice()
	if err != nil {
		return nil, err
	}
	records, err := answer[1].ToArray()
	if err != nil {
		return nil, err
	}
	found := make([]foundSession, len(names))
	for i, name := range names {
		if found[i].hash, err = hashOf(name); err != nil {
			return nil, err
		}
		if len(records) == len(names) {
			found[i].read, found[i].record = true, records[i]
		}
	}
	return found, nil
}

// readFound reads the records of what was found.
func (s *store) readFound(ctx context.Context, realm string, found []foundSession) error {
	names := make([]string, len(found))
	for i, one := range found {
		names[i] = s.client.keys.session(sessions.Key{Realm: realm, Hash: one.hash})
	}
	values, err := s.client.read(ctx, names...)
	if err != nil {
		return err
	}
	for i, value := range values {
		found[i].read, found[i].record = true, value
	}
	return nil
}
