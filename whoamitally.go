package jwtsession

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// The outcomes of questions to the application, as metrics and the status name them.
const (
	outcomeIdentified   = "identified"
	outcomeNobody       = "nobody"
	outcomeCouldNotTell = "could_not_tell"
)

// outcomeName returns the outcome in a word.
func outcomeName(outcome whoami.Outcome) string {
	switch outcome.(type) {
	case whoami.Identified:
		return outcomeIdentified
	case whoami.Nobody:
		return outcomeNobody
	default:
		return outcomeCouldNotTell
	}
}

// outcomeReason returns why the outcome is no user.
func outcomeReason(outcome whoami.Outcome) whoami.Reason {
	switch outcome := outcome.(type) {
	case whoami.Nobody:
		return outcome.Reason
	case whoami.CouldNotTell:
		return outcome.Reason
	default:
		return ""
	}
}

// whoamiTally is what became of the questions of one realm since the process began.
type whoamiTally struct {
	Outcomes   map[string]uint64 `json:"outcomes"`
	LastReason whoami.Reason     `json:"last_reason,omitempty"` // of the last outcome that was no user
	LastTime   *time.Time        `json:"last_time,omitempty"`   // when that was
}

// tallies keeps count by realm, for the status: a realm may be made of the request's host, so that it is no label for
// metrics. The zero value is ready to use.
type tallies struct {
	mutex  sync.Mutex
	realms map[string]*whoamiTally
}

// whoamiTallies live as long as the process, as the metrics do.
var whoamiTallies tallies

// maxTallies bounds how many realms are told apart.
const maxTallies = 1000

func (t *tallies) note(realm string, outcome whoami.Outcome, now time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.realms[realm]
	if tally == nil {
		if len(t.realms) >= maxTallies {
			return
		}
		if t.realms == nil {
			t.realms = make(map[string]*whoamiTally)
		}
		tally = &whoamiTally{Outcomes: make(map[string]uint64)}
		t.realms[realm] = tally
	}
	tally.Outcomes[outcomeName(outcome)]++
	if reason := outcomeReason(outcome); reason != "" {
		now = now.UTC()
		tally.LastReason, tally.LastTime = reason, &now
	}
}

// of returns a copy of the tally of one realm.
func (t *tallies) of(realm string) whoamiTally {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.realms[realm]
	if tally == nil {
		return whoamiTally{Outcomes: map[string]uint64{}}
	}
	copied := *tally
	copied.Outcomes = maps.Clone(tally.Outcomes)
	return copied
}

// names returns the realms that there is a tally of, sorted.
func (t *tallies) names() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return slices.Sorted(maps.Keys(t.realms))
}
