package jwtsession

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
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
	case v.gateway.Ledger.RevokesIn(v.realm):
		evidence.Revoking = true
		if evidence.Cookies != validator.Present {
			break
		}
		if evidence.Session == validator.NotAsked {
			evidence.Session = v.recorded()
		}
		evidence.SetSince = v.gateway.Ledger.WasSetSince(v.key())
	}
	return evidence
}

// recorded returns what the store says of the session that came, without asking the application.
func (v *visit) recorded() validator.SessionState {
	_, active, err := v.gateway.Ledger.Active(v.background(), v.key())
	switch {
	case errors.Is(err, ledger.ErrRevoked):
		v.revoked = true
		return validator.Revoked
	case err != nil:
		v.couldNotTell(validator.StoreUnavailable, err)
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
	v.dropSessionCookies(v.request)
}

// hideRefused withholds the session cookies of a request that is refused as those of one that goes on: an error route may
// lead to the application. What follows an earlier handler went that way already.
func (v *visit) hideRefused() {
	if v.follows {
		return
	}
	evidence := v.passageEvidence(identity.Principal{})
	if evidence.Session == validator.Undetermined && evidence.Cookies == validator.Present && v.gateway != nil {
		evidence.Session = v.recorded() // the application does not answer, but the session may be a known one
	}
	if validator.Pass(evidence) != validator.ForwardSession {
		v.withheld = true
		v.dropSessionCookies(v.request)
	}
}

// hideUndecided withholds from error routes what came with a request that fails before anybody decided about it: our tokens,
// and session cookies, which stay only where no revocation is in force in the realm or the session is known to be active. An
// empty realm is one that could not be told.
func (h *Handler) hideUndecided(r *http.Request, way *journey.Journey, visits *visits, realm string) {
	journey.HideTokens(h.app.Names(), r)
	h.hideAliases(r, h.cookieNamesIn(visits))
	if realm == "" || !h.mayReachErrorRoutes(r.Context(), way, realm) {
		h.dropSessionCookies(r)
	}
}

func (h *Handler) mayReachErrorRoutes(ctx context.Context, way *journey.Journey, realm string) bool {
	gateway, err := h.app.CoreForRequest()
	if err != nil {
		return false
	}
	if !gateway.Ledger.RevokesIn(realm) {
		return true
	}
	cookies, err := validator.ScanCookies(way.Cookies)
	if err != nil {
		return false
	}
	credential := h.sessionCookies.Read(cookies)
	if credential.Presence != validator.Present {
		return false
	}
	_, active, err := gateway.Ledger.Active(context.WithoutCancel(ctx), sessions.Key{Realm: realm, Hash: credential.Hash})
	return err == nil && active
}

// dropSessionCookies removes the session cookies from the request.
func (h *Handler) dropSessionCookies(r *http.Request) {
	kept := validator.DropCookies(r.Header["Cookie"], h.sessionCookies.Match)
	if len(kept) == 0 {
		delete(r.Header, "Cookie")
		return
	}
	r.Header["Cookie"] = kept
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
	v.decision.Identity = identity.Principal{}
	v.journey.ClearPlaceholders(v.repl)
	v.repl.Set(identity.PlaceholderRealm, v.Handler.realm.Placeholder(v.realm))
	v.setReason()
	return v.Refuse(w, v.request)
}

// isRevoked says whether the operator said no to the session that came, or to one of those that ambiguous cookies could
// stand for: the application may choose that one.
func (v *visit) isRevoked() bool {
	switch {
	case v.gateway == nil || v.credential.Presence == validator.Absent:
		return false
	case v.credential.Presence == validator.Present:
		return v.gateway.Ledger.Revoked(v.key()) || v.isSpellingOfRevoked()
	}
	for _, hash := range v.sessionCookies.Candidates(v.cookies) {
		_, _, err := v.gateway.Ledger.Active(v.background(), sessions.Key{Realm: v.realm, Hash: hash})
		if errors.Is(err, ledger.ErrRevoked) {
			return true
		}
	}
	return false
}

// isSpellingOfRevoked reports whether the application could decode the session that came to a revoked one. Whoever has a
// session's cookie may have used it under many spellings before the revocation, each of which is known as a session.
func (v *visit) isSpellingOfRevoked() bool {
	if !v.gateway.Ledger.RevokesIn(v.realm) || !v.credential.MayBeSpelling() {
		return false
	}
	return slices.ContainsFunc(v.sessionCookies.Spellings(v.cookies), func(hash sessions.Hash) bool {
		return v.gateway.Ledger.Revoked(sessions.Key{Realm: v.realm, Hash: hash})
	})
}
