package ledger

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// Lineage names a session whose id the application changes with every answer. It is what the records and tokens of the
// session have in common under all its ids; they end together. Two sessions of one user that began in the same second have
// the same lineage and end together.
type Lineage struct {
	// User is the user id inside the realm.
	User string
	// AuthTime is that of the session, in seconds since 1970.
	AuthTime int64
}

func lineageOf(session sessions.Session) Lineage { return Lineage{session.User, session.AuthTime} }

func (of Lineage) subject(realm string) blacklist.Subject {
	return blacklist.LineageOf(realm, of.User, of.AuthTime)
}
