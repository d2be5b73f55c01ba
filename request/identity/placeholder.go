package identity

import (
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
)

// The placeholders that requests get. An attribute has the one of its name behind placeholderUser.
const (
	placeholderUser   = "http.auth.user."
	placeholderID     = placeholderUser + "id"
	placeholderRealm  = "http.jwt_session.realm"
	placeholderVia    = "http.jwt_session.via"
	placeholderReason = "http.jwt_session.reason"
)

// Placeholder is that of an attribute of a user.
type Placeholder struct {
	name  string
	value any
}

// Shown is what the placeholders of one request show. They are looked up when they are needed, which few requests do, rather
// than set for every request. The access log and whatever a later handler has started may look them up at any time, in other
// goroutines. The methods are for the goroutine that serves the request. The zero value shows nobody.
//
// A placeholder without a value is empty, so that a header with it is. Caddy would leave an unknown one as it is written. The
// user id alone is unknown without a user, as with Caddy's own authentication.
type Shown struct {
	asks          *caddy.Replacer // this one
	realm, reason atomic.Pointer[string]
	who           atomic.Pointer[Principal]
}

// Clear removes what an earlier handler, or an earlier run of the same one, left of another identity. From then on the
// replacer finds what is shown.
func (s *Shown) Clear(repl *caddy.Replacer) {
	if s.asks != repl {
		s.asks = repl
		repl.Map(s.lookUp)
	}
	repl.Delete(placeholderID) // it counts before ours where another module has set it
	s.realm.Store(nil)
	s.reason.Store(nil)
	s.who.Store(nil)
}

// SetRealm shows the realm. Do not change what it points to.
func (s *Shown) SetRealm(name *string) { s.realm.Store(name) }

// SetReason shows why nobody is signed in, or why a token was passed over.
func (s *Shown) SetReason(reason string) { s.reason.Store(&reason) }

// SetUser makes the identity known to the rest of the route and to the access log. Do not change what it points to.
func (s *Shown) SetUser(who *Principal) {
	for i := range who.Placeholders {
		s.asks.Delete(who.Placeholders[i].name) // as the user id
	}
	s.who.Store(who)
}

// lookUp is a [caddy.ReplacerFunc].
func (s *Shown) lookUp(name string) (any, bool) {
	if strings.HasPrefix(name, placeholderUser) {
		return s.who.Load().placeholder(name)
	}
	switch name {
	case placeholderVia:
		if who := s.who.Load(); who != nil {
			return who.Via, true
		}
		return ViaNone, true
	case placeholderRealm:
		return valueOf(s.realm.Load())
	case placeholderReason:
		return valueOf(s.reason.Load())
	}
	return nil, false
}

func valueOf(text *string) (any, bool) {
	if text == nil {
		return "", true
	}
	return *text, true
}

// placeholder returns what a placeholder of the user shows.
func (p *Principal) placeholder(name string) (any, bool) {
	switch {
	case name == placeholderUser:
		return nil, false // it names no attribute
	case p == nil:
		return "", name != placeholderID
	case name == placeholderID:
		return p.id, true
	}
	for i := range p.Placeholders {
		if p.Placeholders[i].name == name {
			return p.Placeholders[i].value, true
		}
	}
	return "", true
}

// nobody looks the placeholders up of requests without a user.
var nobody = new(Shown).lookUp

// ShowNobody sets the placeholders of a request that nobody is to be found out for.
func ShowNobody(repl *caddy.Replacer) { repl.Map(nobody) }
