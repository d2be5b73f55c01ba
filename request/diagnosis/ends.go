package diagnosis

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// How many sessions that are over unnoticed are a mistake, and how short before that they must have been in use: an
	// application ends the others itself, since nobody used them.
	enoughEnds = 3
	inUse      = 5 * time.Minute

	// How often a session must change its user without an end, and in which time. It takes one change to sign somebody else in
	// with a session that the application keeps, and another one to take it back.
	enoughChanges = 2
	changesWithin = time.Hour
	maxShared     = 64
)

// ends counts sessions that were over and of which nothing had told.
type ends struct {
	count int
	last  time.Time // of those that count
	said  bool
}

func (e *ends) note(confirmed, now time.Time, lifetime time.Duration) int {
	unused := now.Sub(confirmed)
	if e.said || unused > inUse || unused < 0 || e.count > 0 && now.Sub(e.last) < lifetime {
		return 0
	}
	e.last = now
	if e.count++; e.count < enoughEnds {
		return 0
	}
	e.said = true
	return e.count
}

// shared holds the sessions that changed their user.
type shared struct {
	changes map[sessions.Hash]changes // maxShared at most
	said    bool
}

type changes struct {
	count int
	since time.Time
}

func (s *shared) note(session sessions.Hash, now time.Time) bool {
	if s.said {
		return false
	}
	known := s.changes[session]
	if known.count == 0 || now.Sub(known.since) > changesWithin || now.Before(known.since) {
		known = changes{since: now}
	}
	if known.count++; known.count >= enoughChanges {
		s.said, s.changes = true, nil
		return true
	}
	if s.changes == nil || len(s.changes) >= maxShared {
		s.changes = make(map[sessions.Hash]changes)
	}
	s.changes[session] = known
	return false
}
