package outcome

import (
	"errors"
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// isSameSite reports whether the request is none that another site made the browser send, as far as the browser says (Fetch
// Metadata section 2.4). The session cookie may be SameSite=Strict and so be missing; a token must not stand in for it.
func isSameSite(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	return true
}

// IsOutsideShare reports whether tokens are not for this session, which is the token's where no session cookie came. If the
// application changes the session's id, the user counts. An empty user is not known: tokens may be for him.
func (o *Outcome) IsOutsideShare(session validator.SessionCredential, user string) bool {
	share, realm, token := o.policy.Share, o.came.Realm, o.Token
	switch {
	case share >= 100:
		return false
	case o.policy.Rolling && user != "":
		return !validator.UserInShare(realm, user, share)
	case o.policy.Rolling:
		return token.State == validator.TokenUsable && !validator.UserInShare(realm, token.Claims.Subject(), share)
	case session.Presence == validator.Present:
		return !validator.InShare(sessions.Key{Realm: realm, Hash: session.Hash}, share)
	case token.Claims != nil:
		return !validator.InShare(token.Claims.SessionKey(), share)
	}
	return false
}

// isRevoked reports whether the operator said no to the session that came, or to one of those that ambiguous cookies could
// stand for: the application may choose that one.
func (o *Outcome) isRevoked() bool {
	switch {
	case o.Core == nil || o.came.Session.Presence == validator.Absent:
		return false
	case o.came.Session.Presence == validator.Present:
		return o.Core.Ledger.Revoked(o.came.Key()) || o.isSpellingOfRevoked()
	}
	for _, hash := range o.policy.Site.Session.Cookies.Candidates(o.came.Cookies) {
		_, _, err := o.Core.Ledger.Active(o.Background(), sessions.Key{Realm: o.came.Realm, Hash: hash})
		if errors.Is(err, ledger.ErrRevoked) {
			return true
		}
	}
	return false
}

// isSpellingOfRevoked reports whether the application could decode the session that came to a revoked one. Whoever has a
// session's cookie may have used it under many spellings before the revocation, each of which is known as a session.
func (o *Outcome) isSpellingOfRevoked() bool {
	if !o.Core.Ledger.RevokesIn(o.came.Realm) || !o.came.Session.MayBeSpelling() {
		return false
	}
	return slices.ContainsFunc(o.policy.Site.Session.Cookies.Spellings(o.came.Cookies), func(hash sessions.Hash) bool {
		return o.Core.Ledger.Revoked(sessions.Key{Realm: o.came.Realm, Hash: hash})
	})
}

// isLapsed reports whether the verdict shows that the session which came is over. In mode stateless nobody looks at the
// session, so only what the token was ended by shows it. Sent reports whether a token came in its cookie.
func isLapsed(mode validator.Mode, verdict validator.Verdict, sent bool, session validator.Presence) bool {
	without, nobody := verdict.(validator.Unauthenticated)
	switch {
	case !nobody:
		return false
	case mode == validator.Stateless:
		return without.Reason == validator.TokenEnded || without.Reason == validator.TokenRevoked
	}
	return without.Reason == validator.SessionUnknown || without.Reason == validator.SessionRevoked ||
		without.Token == validator.ClearToken && sent && session == validator.Absent
}
