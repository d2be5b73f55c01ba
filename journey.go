package jwtsession

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// journey is what the handlers of this module that one request meets know of each other: what the client sent, and what
// was decided for each realm. A request is decided once for a realm.
type journey struct {
	cookies       []string               // the Cookie lines as the client sent them, without what combined cookies carried
	carried       validator.Cookies      // the tokens that came in combined cookies
	authorization []string               // the Authorization lines as the client sent them
	latest        *visit                 // of those that were begun so far, each of which knows the one before it
	last          *visit                 // of the handler that the request met last; nil: none, or none that decides
	placeholders  []identity.Placeholder // of attributes, that were set for the identity
	preflight     bool                   // the request goes on undecided, and bare of all that could decide it

	// What nearly every request does with, so that it is one piece of memory.
	line  [1]string
	first visit
}

// journeyVar is where a request's variables hold its journey.
const journeyVar = "jwt_session.journey"

// journeyOf returns the journey of a request, which begins with the first handler that it meets. From then on combined
// cookies have the application's form in the request: they are split once, since a session id may look combined itself.
func journeyOf(names *app.Names, r *http.Request) *journey {
	if existing, ok := caddyhttp.GetVar(r.Context(), journeyVar).(*journey); ok {
		return existing
	}
	begun := new(journey)
	begun.carried = splitCookies(names, r)
	begun.cookies = append(begun.line[:0], r.Header["Cookie"]...)
	begun.authorization = slices.Clone(r.Header["Authorization"])
	caddyhttp.SetVar(r.Context(), journeyVar, begun)
	return begun
}

// visit returns the visit that the request was decided by for the realm, or nil. Few requests meet more than one realm.
func (j *journey) visit(realm string) *visit {
	for v := j.latest; v != nil; v = v.previous {
		if v.realm == realm {
			return v
		}
	}
	return nil
}

// newVisit returns one to be filled in.
func (j *journey) newVisit() *visit {
	if j.latest == nil {
		return &j.first
	}
	return new(visit)
}

// add keeps the visit that decides for its realm.
func (j *journey) add(v *visit) { v.previous, j.latest, j.last = j.latest, v, v }

// Format writes nothing: a variable can be a placeholder, and this one holds cookies.
func (*journey) Format(fmt.State, rune) {}

// String returns nothing, for the same reason.
func (*journey) String() string { return "" }
