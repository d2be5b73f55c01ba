package ledger

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// maxRecentlySet is the greatest number of ids in recentlySet. With more of them the oldest are forgotten, and a user who has
// not used his by then signs in once more. If gateways share the place, the newest are not noted instead.
const maxRecentlySet = 131072

// recentlySet holds the session ids that the application set lately, each with the moment at which the answered request
// began.
type recentlySet interface {
	// note notes that the id was set. It returns the subjects that are pending with that. It is called with the lock of the
	// session's stripe held.
	note(key sessions.Key, began Moment) []blacklist.Subject
	// since reports whether the id was set in answer to a request that began at the moment or later.
	since(key sessions.Key, moment Moment) bool
}

// ownSets are those that this process saw.
type ownSets struct {
	*remember.Memory[sessions.Key, Moment]
}

func (s ownSets) note(key sessions.Key, began Moment) []blacklist.Subject {
	if at, seen := s.Peek(key); !seen || at < began {
		s.Put(key, began)
	}
	return nil
}

func (s ownSets) since(key sessions.Key, moment Moment) bool {
	at, seen := s.Peek(key)
	return seen && at >= moment
}

// setTime is how long gateways that share a place remember that an id was set.
const setTime = time.Hour

// sharedSets are entries of the blacklist, so that every gateway hears of them.
type sharedSets struct{ list *entries }

func (s sharedSets) note(key sessions.Key, began Moment) []blacklist.Subject {
	if s.list.Count(blacklist.KindSet) >= maxRecentlySet {
		return nil
	}
	subject := blacklist.RecentlySet(key.Realm, key.Hash)
	s.list.Enforce(blacklist.Entry{Subject: subject, Second: int64(began), Expires: s.list.now().Add(setTime)})
	return []blacklist.Subject{subject}
}

func (s sharedSets) since(key sessions.Key, moment Moment) bool {
	at, seen := s.list.Second(blacklist.RecentlySet(key.Realm, key.Hash))
	return seen && at >= int64(moment)
}
