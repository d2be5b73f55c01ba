package identity

import (
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Principal is the user that a request was found to be from. The zero value is nobody.
type Principal struct {
	User       string
	Attributes sessions.Attributes
	Via        string
	Source     Source
	Expires    int64 // until when, in seconds since 1970; after that it is to be found out anew
	AuthTime   int64 // when the user signed in, in seconds since 1970; 0 where that is not known

	Placeholders []Placeholder // of the attributes
	Lossy        []string      // the attributes that a header and a placeholder can't hold whole, in order

	id any // the user id, as the value of a placeholder
}

// Nobody is the principal of requests without a user. It never changes.
var Nobody = new(Principal)

// Source is what spoke for a user: one token, or one session since its user is known in it.
type Source struct {
	Token    string // its id
	Session  sessions.Hash
	AuthTime int64
}

// NewPrincipal returns a user and what spoke for him.
func NewPrincipal(user string, attributes sessions.Attributes, via string) Principal {
	who := Principal{User: user, Attributes: attributes, Via: via, id: user}
	for name, attribute := range attributes {
		value, whole := wholeHeaderValue(attribute)
		if value != "" && name != "id" {
			who.Placeholders = append(who.Placeholders, Placeholder{name: placeholderUser + name, value: value})
		}
		if !whole {
			who.Lossy = append(who.Lossy, name)
		}
	}
	slices.Sort(who.Lossy)
	return who
}

// What spoke for the user: the values of {http.jwt_session.via}.
const (
	ViaToken   = "token"
	ViaSession = "session"
	ViaIssuer  = "issuer"
	ViaNone    = "none"
)

// OfToken returns the user that a verified token names.
func OfToken(claims *validator.Claims) Principal {
	who := NewPrincipal(claims.Subject(), claims.Attributes(), ViaToken)
	who.Source, who.Expires, who.AuthTime = Source{Token: claims.TokenID()}, claims.Expires(), claims.AuthTime()
	return who
}

// OfSession returns the user of a session. The identity lasts as long as a token for the session would.
func OfSession(session sessions.Session, lifetime time.Duration, now time.Time) Principal {
	who := NewPrincipal(session.User, session.Attributes, ViaSession)
	who.Source = Source{Session: session.Hash, AuthTime: session.AuthTime}
	who.AuthTime = session.AuthTime
	who.Expires = validator.Minter{Lifetime: lifetime}.Expires(session, now)
	return who
}
