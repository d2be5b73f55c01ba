package settlement

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// OwnerOf returns what a stream that begins with the response is to be cut by, and false if there is nothing. A response that
// itself ends its session is not cut by that, and neither is the stream that it may be: it belongs to what comes after. One
// that names its user belongs to the session that was learned with that.
func OwnerOf(s *Settlement) (subjects ledger.Subjects, authTime int64, known bool) {
	if own := s.after.own; s.after.heard {
		return ledger.SubjectsOfSession(own.Key, own.User), own.AuthTime, true
	}
	var session sessions.Key
	switch s.found.Who.Via {
	case identity.ViaToken:
		claims := s.found.Token.Claims
		session, authTime = claims.SessionKey(), claims.AuthTime()
		subjects = ledger.SubjectsOf(claims.TokenID(), session, claims.Subject())
	case identity.ViaSession:
		record := s.after.record
		session, authTime = record.Key, record.AuthTime
		subjects = ledger.SubjectsOfSession(session, record.User)
	case identity.ViaIssuer:
		access, beside := s.found.Access, s.found.Session.Beside
		if beside == nil {
			return ledger.SubjectsOf(access.TokenID, sessions.Key{Realm: s.came.Realm}, s.found.Who.User), access.Source.AuthTime, true
		}
		session, authTime = beside.Key, beside.AuthTime
		subjects = ledger.SubjectsOf(access.TokenID, session, s.found.Who.User)
	default:
		return ledger.Subjects{}, 0, false
	}
	if s.after.ended {
		authTime = max(authTime, s.found.Core.Ledger.AuthTimeAfterEnd(session))
	}
	return subjects, authTime, true
}
