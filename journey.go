package jwtsession

import (
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
)

// visits are those of one request that decided for a realm. A request is decided once for a realm.
type visits struct {
	latest *visit // of those that were begun so far, each of which knows the one before it
	first  visit  // what nearly every request does with, so that it is one piece of memory
}

// begun is a journey that begins with a handler.
type begun struct {
	journey.Journey
	visits
}

// journeyOf returns the journey of a request, and the visits that belong to it.
func journeyOf(names *app.Names, r *http.Request) (*journey.Journey, *visits) {
	found := journey.Find(r)
	if found == nil {
		began := new(begun)
		began.Begin(names, r)
		began.Exchanges = &began.visits
		return &began.Journey, &began.visits
	}
	if known, ok := found.Exchanges.(*visits); ok {
		return found, known
	}
	visits := new(visits)
	found.Exchanges = visits
	return found, visits
}

// of returns the visit that the request was decided by for the realm, or nil. Few requests meet more than one realm.
func (w *visits) of(realm string) *visit {
	for v := w.latest; v != nil; v = v.previous {
		if v.realm == realm {
			return v
		}
	}
	return nil
}

// begin returns one to be filled in.
func (w *visits) begin() *visit {
	if w.latest == nil {
		return &w.first
	}
	return new(visit)
}

// add keeps the visit that decides for its realm.
func (w *visits) add(v *visit) { v.previous, w.latest = w.latest, v }
