package outcome

import (
	"cmp"
	"context"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/access"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/grant"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Sources are who is asked: the application, and identity providers.
type Sources struct {
	Asker  *question.Asker
	Places []access.Place
}

// Outcome is what was found out about a request.
type Outcome struct {
	// Core is the open store with the keys. It is nil if the store could not be opened, or if this gateway has not heard for too
	// long what others have revoked.
	Core *app.Core
	// Began and Mark are when the request arrived, in the order of revocations and of what is known of cookies.
	Began ledger.Moment
	Mark  cookie.Mark

	// Tokens holds what the tokens are worth that came.
	Tokens
	// Access is what the access tokens of identity providers are worth.
	Access *access.Access
	// Session is what is known of the session that came.
	Session SessionFound

	// Who is the user that the verdict names, or [identity.Nobody].
	Who *identity.Principal
	// Verdict is who the request is from.
	Verdict validator.Verdict
	// Reason is why nobody is signed in, or why a token was passed over.
	Reason validator.Reason
	// Grant is what becomes of the token of the browser.
	Grant grant.Grant

	policy  *policy.Policy
	came    *arrival.Arrival
	stale   *app.Core // the open store if it does not count; it takes an end all the same
	found   *found    // nil where a token of ours is enough
	minting minting
}

// minting is whether the request is the one to mint.
type minting struct {
	arrived ledger.MintMark   // when the request did, in the order of what was minted
	claim   *ledger.MintClaim // nil: there was none yet
}

// found is what the store, the application or an identity provider says. It is one piece of memory, which requests with a
// token of ours do without.
type found struct {
	record sessions.Session
	who    identity.Principal
}

// noRecord stands for a session that was not looked up.
var noRecord sessions.Session

// find returns the room for what is found.
func (o *Outcome) find() *found {
	if o.found == nil {
		o.found = new(found)
	}
	return o.found
}

// Tokens is what the tokens of ours are worth that came with a request.
type Tokens struct {
	// Token is the one that counts.
	Token validator.Token
	// Bearer is a token of ours in Authorization, of whatever worth. Such a client keeps its token itself, so it is given no
	// cookie.
	Bearer validator.TokenCredential
	// Sent reports whether a token came in the realm's cookie, of whatever worth.
	Sent bool
}

// SessionFound is what is known of the session that came.
type SessionFound struct {
	// State is what the store and the application say.
	State validator.SessionState
	// Record is the active session, if it was looked up. Its user is empty if it was not. Do not change it.
	Record *sessions.Session
	// Unkept reports whether the store does not hold the record, so that no token is made for it.
	Unkept bool
	// Revoked reports whether the session or its user is revoked.
	Revoked bool
	// Ended reports whether the session was ended on the way.
	Ended bool
	// Lapsed reports whether the verdict shows that the session is over.
	Lapsed bool
	// Restored reports whether the token stands for session cookies that did not come, and these are added upstream.
	Restored bool
	// Beside is the session that a callback's access token counts with. It is nil if there is none.
	Beside *Beside
}

// Decide finds out who the request is from. The next handler is the rest of its route.
func (o *Outcome) Decide(p *policy.Policy, sources Sources, came *arrival.Arrival, next caddyhttp.Handler) {
	o.policy, o.came, o.Session.Record = p, came, &noRecord
	core, err := p.App.CoreForRequest()
	if err != nil {
		p.Warn("opening the session store: nobody can be signed in or out before it is open", zap.Error(err))
	}
	if core != nil && core.Ledger.IsStale() {
		p.Warn("this gateway shares its store, can't reach it, and has not heard for longer than max_stale what other gateways have " +
			"revoked: tokens and sessions don't count until it can; see to the connection to the store")
		o.stale, core = core, nil
	}
	if o.Core = core; core != nil {
		o.Began, o.Mark, o.minting.arrived = core.Ledger.Moment(), core.Ledger.Places().Mark(), core.Ledger.MintMark()
	}
	o.Tokens = readTokens(p, core, came)
	came.ReadSession(p, o.Token.Claims)
	o.Reason = o.Token.Reason
	o.Access = access.Read(p, sources.Places, core, came)
	warnOfCredentials(p, came, o.Token)
	o.Session.Revoked = o.isRevoked()
	verdict := o.decide(sources.Asker, next)
	o.Session.Lapsed = isLapsed(p.Site.Mode, verdict, o.Sent, came.Session.Presence)
	o.Verdict = weighAccess(o, sources.Places, verdict)
	o.conclude()
}

// conclude takes from the verdict who the user is, the reason, and what becomes of the token.
func (o *Outcome) conclude() {
	o.Who = identity.Nobody
	switch verdict := o.Verdict.(type) {
	case validator.ByToken:
		o.Who = &app.FactsOf(o.Token.Claims).Who
	case validator.BySession:
		o.policy.Findings.SignsIn()
		o.Reason = verdict.Reason
		o.Grant = o.granted(verdict.Token)
		o.Who = &o.find().who
		*o.Who = identity.OfSession(*o.Session.Record, o.policy.Site.Token.Lifetime, o.came.Now)
	case validator.ByIssuer:
		switch {
		case o.Access.FromHeader: // such a client keeps its tokens itself
			o.Grant = nil
		case verdict.Token != validator.LeaveToken:
			o.Grant = o.granted(verdict.Token)
		}
		o.Who = &o.find().who
		*o.Who = o.Access.Principal()
		o.Who.AuthTime = cmp.Or(o.Who.AuthTime, authTimeBeside(o))
	case validator.Unauthenticated:
		o.Reason, o.Grant = verdict.Reason, withdrawn(verdict.Token)
	case validator.CouldNotTell:
		o.Grant = withdrawn(verdict.Token)
	default: // AskSession and nil are no permission
		o.Reason = validator.NoCredentials
	}
}

// Undetermined reports whether it could not be told who the request is from.
func (o *Outcome) Undetermined() bool {
	_, undetermined := o.Verdict.(validator.CouldNotTell)
	return undetermined
}

// withdrawn returns what becomes of a token where none is made.
func withdrawn(action validator.TokenCookie) grant.Grant {
	if action == validator.ClearToken {
		return grant.Withdrawn{}
	}
	return nil
}

// granted returns what becomes of the token beside a session that decides.
func (o *Outcome) granted(action validator.TokenCookie) grant.Grant {
	if o.policy.Site.Mode == validator.Shadow && action == validator.LeaveToken && o.Token.State == validator.TokenUsable &&
		IsDue(o.policy, o.Token, o.came.Now) {
		action = validator.ReplaceToken
	}
	switch {
	case action != validator.ReplaceToken:
		return withdrawn(action)
	case o.Session.Unkept: // a later end or revocation could not find the session, so there is no token for it
		if o.Token.State == validator.TokenUsable && validator.Bind(o.Token, o.came.Session) == validator.SameSession {
			return nil
		}
		return grant.Withdrawn{}
	}
	return o.Claim(grant.OfSession{Session: o.Session.Record}, o.came.Key())
}

// Claim returns the grant if this request is the one to mint for the session. While another request mints, this one leaves
// the cookie alone: clearing it could take away what that one sets. A client that keeps its token itself is given none.
func (o *Outcome) Claim(granted grant.Grant, key sessions.Key) grant.Grant {
	switch {
	case o.HasBearer():
		return grant.Withdrawn{}
	case !o.claimMint(key):
		return nil
	default:
		return granted
	}
}

// claimMint reports whether this request is the one to mint for the session. One at a time does, and one of those that come
// at once.
func (o *Outcome) claimMint(key sessions.Key) bool {
	if o.MayMint() {
		return true
	}
	o.Release() // one that failed, under the id that the session had, or was taken over
	if o.Token.State == validator.TokenUsable && o.policy.Site.Mode == validator.Stateless {
		key = o.Token.Claims.SessionKey()
	}
	o.minting.claim = o.Core.Ledger.ClaimMint(o.Background(), key, o.minting.arrived)
	return o.MayMint()
}

// MayMint reports whether this request has the claim to mint. No token goes out with another one.
func (o *Outcome) MayMint() bool { return o.minting.claim.Holds() }

// Minted notes that a token goes out with the response. Call it only if [Outcome.MayMint] is true.
func (o *Outcome) Minted(now time.Time) { o.minting.claim.Minted(now) }

// Release gives the claim to mint back, so that the next request may mint. It is called when the head of the response goes
// out, or never will: what the response brings is on its way then, however long its body takes.
func (o *Outcome) Release() { o.minting.claim.Release() }

// Lineage returns whose session came, by what decided the request: the record or, until the returned time, the token that
// is bound to it. It is zero if neither is of that session, and if the store does not hold the record: then there is nothing
// that could go on under another id, or end.
func (o *Outcome) Lineage() (of ledger.Lineage, token time.Time) {
	record, claims := o.Session.Record, o.Token.Claims
	switch {
	case o.Session.Unkept:
		return ledger.Lineage{}, time.Time{}
	case record.User != "":
		return ledger.Lineage{User: record.User, AuthTime: record.AuthTime}, time.Time{}
	case o.Token.State != validator.TokenUsable || validator.Bind(o.Token, o.came.Session) != validator.SameSession:
		return ledger.Lineage{}, time.Time{}
	}
	return ledger.Lineage{User: claims.Subject(), AuthTime: claims.AuthTime()}, time.Unix(claims.Expires(), 0)
}

// NoteRevoked notes that the response names a revoked user. The session counts as revoked from then on.
func (o *Outcome) NoteRevoked() { o.Session.Revoked, o.Reason = true, validator.SessionRevoked }

// End ends the session that the request came with. What proves it besides its record is a usable token; one without any
// session cookie stands for its session here.
func (o *Outcome) End(asker *question.Asker) {
	o.Session.Ended = true
	open := cmp.Or(o.Core, o.stale)
	if open == nil {
		return
	}
	key, proof := o.came.Key(), int64(0)
	if claims := o.Token.Claims; o.Token.State == validator.TokenUsable {
		switch validator.Bind(o.Token, o.came.Session) {
		case validator.SameSession:
			proof = claims.AuthTime()
		case validator.NoSession:
			key, proof = claims.SessionKey(), claims.AuthTime()
		default: // of another session it proves nothing
		}
	}
	if o.came.Session.Presence != validator.Present && proof == 0 {
		return
	}
	asker.Forget(key)
	if err := o.endIn(open.Ledger, key, proof); err != nil {
		telemetry.CountStoreError(err)
		o.policy.Logger.Error("keeping the end of a session: it is in force, and will be tried again",
			zap.String("realm", o.came.Realm), zap.Error(err))
	}
}

// endIn ends the session of the key, under all the ids that it had if the application changes them. The proof is the
// auth_time of a usable token that stands for it, 0 where there is none.
func (o *Outcome) endIn(open *ledger.Ledger, key sessions.Key, proof int64) error {
	if !o.policy.Rolling {
		_, err := open.End(o.Background(), key, proof)
		return err
	}
	of, _ := o.Lineage()
	if proof > 0 {
		of = ledger.Lineage{User: o.Token.Claims.Subject(), AuthTime: proof}
	}
	_, err := open.EndRolling(o.Background(), key, of, o.policy.Site.Session.IdleTimeout)
	return err
}

// Background is the context for what must be finished even if the client leaves.
func (o *Outcome) Background() context.Context {
	return context.WithoutCancel(o.came.Request.Context())
}
