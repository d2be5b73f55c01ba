package redisstore

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// store is the sessions.Store on the server. While the server is lost, its methods that are about one session return an error at
// once: requests must not wait for a server that does not answer anyway.
type store struct {
	client *client
	known  known
}

// Get implements [sessions.Store], in one round trip.
func (s *store) Get(ctx context.Context, key sessions.Key, now time.Time) (sessions.Session, bool, error) {
	session, found, err := s.get(ctx, key)
	if err != nil {
		return sessions.Session{}, false, unavailable(sessions.ErrUnavailable, "reading session", err)
	}
	if !found || session.Expired(now) {
		return sessions.Session{}, false, nil
	}
	return session, true, nil
}

func (s *store) get(ctx context.Context, key sessions.Key) (sessions.Session, bool, error) {
	if s.known.lost() {
		return sessions.Session{}, false, errAway
	}
	values, err := s.client.read(ctx, s.client.keys.session(key))
	if err != nil {
		return sessions.Session{}, false, err
	}
	return parseValue(key, values[0])
}

// parseValue returns the session of a record, and false if there is none.
func parseValue(key sessions.Key, value rueidis.RedisMessage) (sessions.Session, bool, error) {
	data, err := value.AsBytes()
	if rueidis.IsRedisNil(err) {
		return sessions.Session{}, false, nil
	}
	if err != nil {
		return sessions.Session{}, false, err
	}
	session, err := parseRecord(key, data)
	return session, err == nil, err
}

// Put implements [sessions.Store].
func (s *store) Put(ctx context.Context, session sessions.Session, now time.Time) error {
	_, err := s.write(ctx, "put", session, now)
	return unavailable(sessions.ErrUnavailable, "writing session", err)
}

// Update implements [sessions.Store].
func (s *store) Update(ctx context.Context, session sessions.Session, now time.Time) (bool, error) {
	done, err := s.write(ctx, "update", session, now)
	return done, unavailable(sessions.ErrUnavailable, "updating session", err)
}

func (s *store) write(ctx context.Context, mode string, session sessions.Session, now time.Time) (bool, error) {
	switch {
	case len(session.User) > math.MaxUint16:
		return false, errUser
	case s.known.lost():
		return false, errAway
	}
	left := "expired"
	if !session.Expired(now) {
		left = strconv.FormatInt(lifetime(session.Expires.Sub(now)), 10)
	}
	own := s.known.own() // first: what moves from one to the other meanwhile is in both
	position := s.known.position()
	names := s.client.keys
	subjects := subjectsOf(session)
	arguments := make([]string, 0, 14+len(subjects)+len(own))
	arguments = append(arguments,
		s.client.joined(), session.Realm, nameOf(session.Hash), bucketOf(session.Hash), string(appendRecord(nil, session)), left,
		strconv.FormatInt(session.Expires.UnixMilli(), 10), strconv.FormatInt(now.Add(-dropAfter).UnixMilli(), 10),
		mode, strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond()),
		strconv.FormatInt(session.AuthTime, 10), idOf(position), strconv.Itoa(len(subjects)))
	for _, subject := range subjects {
		arguments = append(arguments, string(subject.Bytes()))
	}
	for _, place := range own {
		arguments = append(arguments, idOf(place))
	}
	return s.client.change(ctx, putScript, []string{names.epoch(), names.session(session.Key), names.live(), names.facts()}, arguments)
}

// subjectsOf returns the subjects of the journal's entries that are about this one session.
func subjectsOf(session sessions.Session) []blacklist.Subject {
	subjects := []blacklist.Subject{
		blacklist.EndOf(session.Realm, session.Hash), blacklist.RevokedSession(session.Realm, session.Hash),
	}
	if session.Rolling {
		subjects = append(subjects, blacklist.LineageOf(session.Realm, session.User, session.AuthTime))
	}
	return subjects
}

// Delete implements [sessions.Store].
func (s *store) Delete(ctx context.Context, key sessions.Key) (bool, error) {
	if s.known.lost() {
		return false, unavailable(sessions.ErrUnavailable, "deleting session", errAway)
	}
	done, err := s.client.change(ctx, deleteScript, []string{s.client.keys.epoch(), s.client.keys.session(key)},
		[]string{s.client.joined(), key.Realm, nameOf(key.Hash), bucketOf(key.Hash)})
	return done, unavailable(sessions.ErrUnavailable, "deleting session", err)
}

// Count implements [sessions.Store]. Records that the server has dropped by itself are included for up to ten minutes.
func (s *store) Count(ctx context.Context) (int, error) {
	epoch := s.client.joined()
	if epoch == "" {
		return 0, unavailable(sessions.ErrUnavailable, "counting sessions", errNotJoined)
	}
	count, err := s.client.run(ctx, countScript, []string{s.client.keys.epoch()}, []string{epoch}).AsInt64()
	if err != nil {
		return 0, unavailable(sessions.ErrUnavailable, "counting sessions", err)
	}
	return int(max(count, 0)), nil
}
