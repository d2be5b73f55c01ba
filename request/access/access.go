// Package access reads the access tokens of identity providers that come with requests.
//
// Each provider has a place of its own in the request, and its tokens are verified with its keys. What the tokens are worth
// together is a [Access]; what that means beside a session is decided elsewhere.
package access

import (
	"maps"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Access is what the access tokens that came with a request are worth together. The zero value authenticates nobody.
type Access struct {
	validator.Access

	// Attributes holds the attributes of a usable token.
	Attributes sessions.Attributes
	// TokenID is the claim `jti` of a usable token.
	TokenID string
	// Source is what spoke for the user.
	Source identity.Source
	// AuthTime is when the user signed in, in seconds since 1970. It is 0 if one of the tokens does not tell that.
	AuthTime int64
	// Expires is when the token expires, in seconds since 1970.
	Expires int64
	// FromHeader reports whether it came in a header. Such a client is given no cookie.
	FromHeader bool
	// IsBound reports whether one of the tokens is in a cookie of a callback, so that it counts with a session alone.
	IsBound bool
}

// absent is what a request brings that has no access token.
var absent = Access{Access: validator.Access{State: validator.AccessAbsent}}

// refused returns what a token is worth that does not count for the reason.
func refused(reason validator.Reason) Access { return Access{Access: validator.Access{Reason: reason}} }

// undetermined returns what a token is worth that nobody can tell about.
func undetermined(reason validator.Reason) Access {
	return Access{Access: validator.Access{State: validator.AccessUndetermined, Reason: reason}}
}

// join joins what came in two places. Where both count, so do the attributes of both.
func (a Access) join(other Access) Access {
	joined := a.Access.Join(other.Access)
	switch {
	case joined.State != validator.AccessUsable:
		return Access{Access: joined}
	case a.State != validator.AccessUsable:
		return other
	case other.State != validator.AccessUsable:
		return a
	}
	a.Attributes = Overlay(a.Attributes, other.Attributes)
	a.AuthTime = min(a.AuthTime, other.AuthTime)
	a.Expires, a.FromHeader = min(a.Expires, other.Expires), a.FromHeader || other.FromHeader
	return a
}

// Overlay returns the attributes with those above in the place of their namesakes, as far as they say anything.
func Overlay(below, above sessions.Attributes) sessions.Attributes {
	joined := make(sessions.Attributes, len(below)+len(above))
	maps.Copy(joined, below)
	for name, attribute := range above {
		if _, known := joined[name]; attribute.Present() || !known {
			joined[name] = attribute
		}
	}
	return joined
}

// Principal returns the user that the access tokens name.
func (a Access) Principal() identity.Principal {
	who := identity.NewPrincipal(a.User, a.Attributes, identity.ViaIssuer)
	who.Source, who.Expires, who.AuthTime = a.Source, a.Expires, a.AuthTime
	return who
}
