package jwtsession

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// journey is what the handlers of this module that one request meets know of each other: what the client sent, and what
// was decided for each realm. A request is decided once for a realm.
type journey struct {
	cookies       []string // the Cookie lines as the client sent them
	authorization []string // the Authorization lines likewise
	visits        map[string]*visit
	last          *visit // of the handler that the request met last; nil: none, or none that decides
	preflight     bool   // the request goes on undecided, and bare of all that could decide it
}

// journeyVar is where a request's variables hold its journey.
const journeyVar = "jwt_session.journey"

// journeyOf returns the journey of a request, which begins with the first handler that it meets.
func journeyOf(r *http.Request) *journey {
	if existing, ok := caddyhttp.GetVar(r.Context(), journeyVar).(*journey); ok {
		return existing
	}
	begun := &journey{
		cookies: slices.Clone(r.Header["Cookie"]), authorization: slices.Clone(r.Header["Authorization"]),
		visits: make(map[string]*visit),
	}
	caddyhttp.SetVar(r.Context(), journeyVar, begun)
	return begun
}

// Format writes nothing: a variable can be a placeholder, and this one holds cookies.
func (*journey) Format(fmt.State, rune) {}

// String returns nothing, for the same reason.
func (*journey) String() string { return "" }
