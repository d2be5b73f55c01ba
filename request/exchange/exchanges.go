package exchange

import (
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
)

// exchanges are those of one request that decided for a realm.
type exchanges struct {
	latest *exchange // of those that were begun so far, each of which knows the one before it
	first  exchange  // what nearly every request does with, so that it is one piece of memory
}

// begun is a journey that begins with a handler.
type begun struct {
	journey.Journey
	exchanges
}

// journeyOf returns the journey of a request, and the exchanges that belong to it.
func journeyOf(names *app.Names, r *http.Request) (*journey.Journey, *exchanges) {
	found := journey.Find(r)
	if found == nil {
		began := new(begun)
		began.Begin(names, r)
		began.Exchanges = &began.exchanges
		return &began.Journey, &began.exchanges
	}
	if known, ok := found.Exchanges.(*exchanges); ok {
		return found, known
	}
	others := new(exchanges)
	found.Exchanges = others
	return found, others
}

// of returns the exchange that the request was decided by for the realm, or nil. Few requests meet more than one realm.
func (o *exchanges) of(realm string) *exchange {
	for x := o.latest; x != nil; x = x.previous {
		if x.arrival.Realm == realm {
			return x
		}
	}
	return nil
}

// begin returns an empty exchange.
func (o *exchanges) begin() *exchange {
	if o.first.Route == nil {
		return &o.first
	}
	return new(exchange)
}

// share notes that another realm's handler already writes the session cookie that carries the token of this one.
func (o *exchanges) share(x *exchange) {
	own, ok := x.arrival.Carrier.(*carrier.InSession)
	if !ok {
		return
	}
	for other := o.latest; other != nil; other = other.previous {
		if theirs, ok := other.arrival.Carrier.(*carrier.InSession); ok && theirs.Name == own.Name {
			own.IsTaken = true
		}
	}
}

// add keeps the exchange that decides for its realm.
func (o *exchanges) add(x *exchange) { x.previous, o.latest = o.latest, x }

// isProviderAnswer reports whether the request is the form that a provider lets the browser send to a callback of the realm.
// It comes from another site by its nature. The state and its cookie guard it. It matters where the callback is behind the
// realm's handler.
func isProviderAnswer(names *app.Names, r *http.Request, of realm.Pattern) bool {
	return r.Method == http.MethodPost && slices.ContainsFunc(names.SignIns(), func(one app.SignInNames) bool {
		return one.FormPostPath != "" && of.Matches(one.Realm) && journey.IsAt(r, one.FormPostPath)
	})
}
