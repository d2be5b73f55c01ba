package jwtsession

import (
	"errors"
	"maps"
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// passSession lets the session cookies go on or withholds them, and reports whether the request itself may go on. The
// principal is who the request goes on as.
func (v *visit) passSession(who identity.Principal) bool {
	switch validator.Pass(v.passageEvidence(who)) {
	case validator.ForwardSession:
		return true
	case validator.RefuseRequest:
		return false
	default:
		v.hideSession()
		return true
	}
}

// passageEvidence collects what is known of the session cookies. It looks a session up only where nobody has yet and a
// revocation is in force.
func (v *visit) passageEvidence(who identity.Principal) validator.PassageEvidence {
	evidence := validator.PassageEvidence{
		Cookies: v.credential.Presence, Session: v.session, Identified: who.User != "",
		Bound: who.Via == identity.ViaToken && validator.Bind(v.token, v.credential) == validator.SameSession,
	}
	switch {
	case v.revoked:
		evidence.Session = validator.Revoked
	case evidence.Bound, evidence.Cookies == validator.Absent: // the most frequent ones
	case v.gateway == nil: // what is in force is not known
		evidence.Revoking, evidence.Session = true, validator.Undetermined
	case v.gateway.ledger.RevokesIn(v.realm):
		evidence.Revoking = true
		if evidence.Cookies != validator.Present {
			break
		}
		if evidence.Session == validator.NotAsked {
			evidence.Session = v.recorded()
		}
		evidence.SetSince = v.gateway.ledger.WasSetSince(v.key())
	}
	return evidence
}

// recorded returns what the store says of the session that came, without asking the application.
func (v *visit) recorded() validator.SessionState {
	_, active, err := v.gateway.ledger.Active(v.background(), v.key())
	switch {
	case errors.Is(err, ledger.ErrRevoked):
		v.revoked = true
		return validator.Revoked
	case err != nil:
		v.couldNotTell(reasonStoreUnavailable, err)
		return validator.Undetermined
	case active:
		return validator.Active
	default:
		return validator.Unknown
	}
}

// hideSession withholds the session cookies from the application.
func (v *visit) hideSession() {
	v.withheld = true
	if !v.revoked && v.whoami == nil {
		v.warn("session cookies that nobody has judged do not reach the application while a session or user of the realm " +
			"is revoked, so their users sign in again; with whoami the application is asked about them")
	}
	kept := validator.DropCookies(v.request.Header["Cookie"], v.sessionCookies.Match)
	if len(kept) == 0 {
		delete(v.request.Header, "Cookie")
		return
	}
	v.request.Header["Cookie"] = kept
}

// ownHeader returns what the response header holds before the application answers, for [visit.refuseNamed]. It is nil
// where the application names no users.
func (v *visit) ownHeader(w http.ResponseWriter) http.Header {
	if v.responseUser.header == "" {
		return nil
	}
	return w.Header().Clone()
}

// refuseNamed answers in the place of an application whose response names a revoked user. Nothing of that response is
// left.
func (v *visit) refuseNamed(w http.ResponseWriter, own http.Header) error {
	header := w.Header()
	clear(header)
	maps.Copy(header, own)
	v.revoked, v.reason = true, validator.SessionRevoked
	v.app.journeyOf(v.request).clearPlaceholders(v.repl)
	v.repl.Set(identity.PlaceholderRealm, v.Handler.realm.Placeholder(v.realm))
	v.setReason()
	return v.demand(w, v.request)
}
