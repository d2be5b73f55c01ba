package telemetry

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Tally is what became of the questions of one realm since the process began.
type Tally struct {
	Outcomes   map[string]uint64 `json:"outcomes"`
	LastReason whoami.Reason     `json:"last_reason,omitempty"` // of the last outcome that was no user
	LastTime   *time.Time        `json:"last_time,omitempty"`   // when that was
}

// tallies keeps count by realm, for the status: a realm may be made of the request's host, so that it is no label for
// metrics. Realms with a fixed name are always counted. Of those that requests name, the ones that were asked about last
// are: first those in which the application has named a user, since anybody can invent a host. They are kept by hand,
// because the memories of package remember have one order of forgetting, and these are two orders under one bound.
type tallies struct {
	mutex    sync.Mutex
	fixed    map[string]*Tally
	known    *simplelru.LRU[string, *Tally] // a user was named in them
	invented *simplelru.LRU[string, *Tally] // none was, so far
}

// MaxTallies bounds how many realms that requests name are told apart.
const MaxTallies = 1000

func NewTallies() *tallies {
	known, _ := simplelru.NewLRU[string, *Tally](MaxTallies, nil) // fails for a size below 1 only
	invented, _ := simplelru.NewLRU[string, *Tally](MaxTallies, nil)
	return &tallies{fixed: make(map[string]*Tally), known: known, invented: invented}
}

// WhoamiTallies live as long as the process, as the metrics do.
var WhoamiTallies = NewTallies()

// Note counts an outcome of a realm. Dynamic says that the request named it.
func (t *tallies) Note(realm string, dynamic bool, outcome whoami.Outcome, now time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.find(realm)
	if tally == nil {
		tally = &Tally{Outcomes: make(map[string]uint64)}
	}
	tally.Outcomes[OutcomeName(outcome)]++
	if reason := OutcomeReason(outcome); reason != "" {
		now = now.UTC()
		tally.LastReason, tally.LastTime = reason, &now
	}
	t.keep(realm, dynamic, tally)
}

func (t *tallies) find(realm string) *Tally {
	if tally, ok := t.fixed[realm]; ok {
		return tally
	}
	if tally, ok := t.known.Peek(realm); ok {
		return tally
	}
	tally, _ := t.invented.Peek(realm)
	return tally
}

// keep puts the tally where it belongs by now, as the one that was asked about last.
func (t *tallies) keep(realm string, dynamic bool, tally *Tally) {
	_, isFixed := t.fixed[realm]
	t.known.Remove(realm)
	t.invented.Remove(realm)
	if !dynamic || isFixed {
		t.fixed[realm] = tally
		return
	}
	if t.known.Len()+t.invented.Len() >= MaxTallies {
		if _, _, any := t.invented.RemoveOldest(); !any {
			t.known.RemoveOldest()
		}
	}
	if tally.Outcomes[OutcomeIdentified] > 0 {
		t.known.Add(realm, tally)
	} else {
		t.invented.Add(realm, tally)
	}
}

// Of returns a copy of the tally of one realm.
func (t *tallies) Of(realm string) Tally {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	tally := t.find(realm)
	if tally == nil {
		return Tally{Outcomes: map[string]uint64{}}
	}
	copied := *tally
	copied.Outcomes = maps.Clone(tally.Outcomes)
	return copied
}

// Realms returns the realms that there is a tally of, sorted.
func (t *tallies) Realms() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	names := slices.Concat(slices.Collect(maps.Keys(t.fixed)), t.known.Keys(), t.invented.Keys())
	slices.Sort(names)
	return names
}
