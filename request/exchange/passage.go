package exchange

import (
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// passSession lets the session cookies go on or withholds them, and reports whether the request itself may go on. The
// principal is who the request goes on as.
func (x *exchange) passSession(who *identity.Principal) bool {
	switch validator.Pass(x.passageEvidence(who)) {
	case validator.ForwardSession:
		return true
	case validator.RefuseRequest:
		return false
	default:
		x.hideSession()
		return true
	}
}

// passageEvidence collects what is known of the session cookies. It looks a session up only where nobody has yet and a
// revocation is in force.
func (x *exchange) passageEvidence(who *identity.Principal) validator.PassageEvidence {
	found, came := &x.outcome, &x.arrival
	evidence := validator.PassageEvidence{
		Cookies: came.Session.Presence, Session: found.Session.State, Identified: who.User != "",
		Bound: who.Via == identity.ViaToken && validator.Bind(found.Token, came.Session) == validator.SameSession,
	}
	switch {
	case found.Session.Revoked:
		evidence.Session = validator.Revoked
	case evidence.Bound, evidence.Cookies == validator.Absent: // the most frequent ones
	case found.Core == nil: // what is in force is not known
		evidence.Revoking, evidence.Session = true, validator.Undetermined
	case found.Core.Ledger.RevokesIn(came.Realm):
		evidence.Revoking = true
		if evidence.Cookies != validator.Present {
			break
		}
		if evidence.Session == validator.NotAsked {
			evidence.Session = found.Recorded()
		}
		if evidence.Session == validator.NotAsked || evidence.Session == validator.Unknown { // else it is decided by that
			evidence.SetSince = found.Core.Ledger.WasSetSince(found.Background(), came.Key())
		}
	}
	return evidence
}

// hideSession withholds the session cookies from the application.
func (x *exchange) hideSession() {
	x.settlement.Withhold()
	if !x.outcome.Session.Revoked && x.Sources.Asker == nil {
		x.Policy.Warn("session cookies that nobody has judged do not reach the application while a session or user of the realm " +
			"is revoked, so their users sign in again; with whoami the application is asked about them")
	}
	x.dropSessionCookies(x.request)
}

// hideRefused withholds the session cookies of a request that is refused as those of one that goes on: an error route may
// lead to the application. What follows an earlier handler went that way already.
func (x *exchange) hideRefused() {
	if x.follows {
		return
	}
	evidence := x.passageEvidence(identity.Nobody)
	if evidence.Session == validator.Undetermined && evidence.Cookies == validator.Present && x.outcome.Core != nil {
		evidence.Session = x.outcome.Recorded() // the application does not answer, but the session may be a known one
	}
	if validator.Pass(evidence) != validator.ForwardSession {
		x.settlement.Withhold()
		x.dropSessionCookies(x.request)
	}
}
