package validator

import "github.com/caddy-jwt-session/caddy-jwt-session/sessions"

// CookieChange is what the Set-Cookie lines of a response do to the session that came. The zero value is [SessionDropped].
type CookieChange uint8

const (
	// SessionDropped means that the session is over by its cookies: they are removed, or set to another value in no clear way.
	SessionDropped CookieChange = iota
	// SessionKept means that the browser goes on with the session that it had, or without one.
	SessionKept
	// SessionChanged means that the cookies get new values in one clear way. That is a new session, unless the application
	// changes the id of a session with every answer.
	SessionChanged
)

// Naming is what a response says of its user in the header `response_user`. The zero value says nothing.
type Naming struct {
	// User is the user that the response names.
	User string
	// Nobody reports whether the response says that nobody is signed in.
	Nobody bool
}

// ResponseEvidence is all that [Aftermath] decides by.
type ResponseEvidence struct {
	// User is the user that the request went on as. It is empty if that was nobody.
	User string
	// Over reports whether the session that came was ended or revoked before the response began.
	Over bool
	// Forgets reports whether the request matches forget_on.
	Forgets bool
	// Cookies is what the response does to the session that came.
	Cookies CookieChange
	// After is the session that the browser has after the response.
	After SessionCredential
	// Rolls reports whether the application changes the id of a session with every answer, and this is such an answer: to a
	// request that only reads, that the session itself decided, and that no cache may have kept for somebody else.
	Rolls bool
	// Names is what the response says of its user.
	Names Naming
	// Unproven reports whether the application may know the user by something else than the session.
	Unproven bool
	// Fresh reports whether the session that the browser has is known as the named user's, from so short a time ago that there
	// is nothing to learn.
	Fresh bool
	// NamesRevoked reports whether the user that the response names is revoked.
	NamesRevoked bool
	// RevokedSince reports whether the session that came was revoked while the request was under way.
	RevokedSince bool
}

// Consequence is the outcome of [Aftermath]: [GoesOn], [Ends], [Follows], [Learns], [Disowns] or [Withholds], and nothing
// else. A nil Consequence ends the session.
//
//sumtype:decl
type Consequence interface{ consequence() }

// GoesOn means that nothing changes.
type GoesOn struct{}

// Ends means that the session that came is over.
type Ends struct{}

// Follows means that the session goes on under a new id. If that can't be, it is over.
type Follows struct {
	// To is the hash of the new id.
	To sessions.Hash
}

// Learns means that the response tells whose session the browser has from now on.
type Learns struct {
	// User is the user of the session.
	User string
	// Session is the session that the browser has.
	Session SessionCredential
	// Ends reports whether the session that came is over.
	Ends bool
}

// Disowns means that the application knows nobody in the session. The session is over, unless it changed since the request
// went on.
type Disowns struct{}

// Withholds means that the response is not for the client, since it names a revoked user.
type Withholds struct {
	// Ends reports whether the session that came is over.
	Ends bool
}

func (GoesOn) consequence()    {}
func (Ends) consequence()      {}
func (Follows) consequence()   {}
func (Learns) consequence()    {}
func (Disowns) consequence()   {}
func (Withholds) consequence() {}

// Aftermath returns what the application's response means for the session that the request came with. Three rules of its
// table surprise at first:
//
//   - A changed session cookie is the end of the session that came, whoever the response names: only what decided the request
//     can go on under a new id, and only where the application is known to change ids.
//   - A response that names a user without a session, or after a revocation, teaches nothing: the new id may go on from the
//     revoked one.
//   - What an application says of somebody that it may know by another credential teaches nothing of the session cookies,
//     which anybody may have put there.
func Aftermath(e ResponseEvidence) Consequence {
	if follows(e) {
		return Follows{To: e.After.Hash}
	}
	ends := e.Forgets || e.Cookies != SessionKept
	switch {
	case e.Names == (Naming{}):
	case e.After.Presence != Present || e.RevokedSince:
		if e.NamesRevoked && e.Names.User != "" {
			return Withholds{Ends: ends}
		}
	case e.Names.Nobody:
		if e.User != "" && !ends && !e.Over {
			return Disowns{}
		}
	case e.Unproven:
		if e.NamesRevoked && e.Names.User != e.User {
			return Withholds{Ends: ends}
		}
	case !e.Fresh || ends || e.Over:
		return Learns{User: e.Names.User, Session: e.After, Ends: ends}
	}
	if ends {
		return Ends{}
	}
	return GoesOn{}
}

// follows reports whether the identity goes on under the new id.
func follows(e ResponseEvidence) bool {
	return e.Rolls && e.User != "" && !e.Over && !e.Forgets && e.Cookies == SessionChanged && e.After.Presence == Present &&
		!e.Names.Nobody && (e.Names.User == "" || e.Names.User == e.User)
}
