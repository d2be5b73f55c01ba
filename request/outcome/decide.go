package outcome

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/grant"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// decide finds out who the request is from, access tokens aside. It waits for the store or the application only where the
// token does not decide.
func (o *Outcome) decide(asker *question.Asker, next caddyhttp.Handler) validator.Verdict {
	if o.Core == nil {
		if !o.Sent && !mayBeBearer(o.policy, o.came) && o.came.Session.Presence == validator.Absent {
			return validator.Unauthenticated{Reason: validator.NoCredentials}
		}
		o.Reason = validator.StoreUnavailable
		return validator.CouldNotTell{}
	}
	evidence := o.evidence()
	o.Session.State = evidence.Session
	verdict := validator.Decide(evidence)
	switch decided := verdict.(type) {
	case validator.Unauthenticated:
		noteCookies(o)
		if o.Session.State == validator.NotAsked && o.came.Session.Presence == validator.Present &&
			o.Core.Ledger.RevokesIn(o.came.Realm) {
			o.Recorded() // a mode that looks no session up lets none of a revoked user through either
		}
	case validator.AskSession:
		o.policy.Findings.HasSession()
		evidence.Session = o.lookUp(asker, next, o.policy.ConfirmedFor)
		o.Session.State = evidence.Session
		evidence.OutsideShare = o.IsOutsideShare(o.came.Session, o.Session.Record.User) // by the user, who may be known only now
		verdict = validator.Decide(evidence)
	case validator.ByToken:
		if o.Session.Restored = decided.Restore; decided.Restore && o.policy.Site.Mode != validator.Stateless {
			return verdict // nothing shows that the browser still has the session, so the token is not renewed
		}
		verdict = o.renew(evidence, asker, next)
	case validator.BySession, validator.ByIssuer, validator.CouldNotTell: // stand as they are
	}
	if o.policy.Site.Mode == validator.Shadow {
		countMismatch(o, verdict)
	}
	return verdict
}

// evidence is what is known before anybody is asked.
func (o *Outcome) evidence() validator.Evidence {
	evidence := validator.Evidence{
		Mode: o.policy.Site.Mode, Token: o.Token.State, Binding: validator.Bind(o.Token, o.came.Session),
		Cookies: o.came.Session, Session: validator.NotAsked, TokenReason: o.Token.Reason,
		MayRestore:   o.policy.RestoreSession && isSameSite(o.came.Request) && o.isRestorable(),
		OutsideShare: o.IsOutsideShare(o.came.Session, o.Session.Record.User),
	}
	if o.Session.Revoked {
		evidence.Session = validator.Revoked
	}
	return evidence
}

// isRestorable reports whether the token holds the session cookies whole.
func (o *Outcome) isRestorable() bool {
	_, ok := o.policy.Site.Session.Cookies.Restore(o.Token.Claims)
	return ok
}

// renew replaces a token that is near its end, if its session is still active; finding that out confirms the session.
// Where the session turns out to have ended, or to be another user's by now, the token does not count any more.
func (o *Outcome) renew(evidence validator.Evidence, asker *question.Asker, next caddyhttp.Handler) validator.Verdict {
	verdict := validator.ByToken{Restore: o.Session.Restored}
	if o.HasBearer() || !IsDue(o.policy, o.Token, o.came.Now) || !o.claimMint(o.came.Key()) {
		return verdict
	}
	if o.policy.Site.Mode == validator.Stateless {
		o.Grant = grant.Renewed{} // by itself: the session is not looked at
		return verdict
	}
	evidence.Session = o.lookUp(asker, next, o.policy.Site.Token.Lifetime-o.policy.RenewBefore)
	switch evidence.Session {
	case validator.Revoked: // whoever it is by now, the token does not speak for them
		return o.withoutToken(evidence, validator.TokenRevoked)
	case validator.Nobody:
		o.End(asker)
	default: // the token is good for as long as it says
	}
	// The look-up may have taken a while. Whatever came of it, the token counts no longer if it has died meanwhile.
	if reason, dead := o.Core.Dead(o.Token.Claims); dead {
		return o.withoutToken(evidence, reason)
	}
	switch {
	case evidence.Session == validator.Nobody: // an end is in force at once, so this can't be
		return o.withoutToken(evidence, validator.TokenEnded)
	case evidence.Session == validator.Active && !o.Session.Unkept:
		o.Grant = grant.OfSession{Session: o.Session.Record}
	case evidence.Session != validator.Unknown: // which is not active, so not renewed
		telemetry.RenewalsSkippedTotal.Inc()
	}
	return verdict
}

// withoutToken decides again, since the token turned out to be of no use. The session, as it was found just now, decides instead.
func (o *Outcome) withoutToken(evidence validator.Evidence, reason validator.Reason) validator.Verdict {
	o.Session.State = evidence.Session
	evidence.Token, evidence.TokenReason = validator.TokenUnusable, reason
	o.Token = validator.Token{Reason: reason}
	return validator.Decide(evidence)
}

// lookUp returns the state of the session that came. An answer of the application that is older than maxAge is asked for
// again.
func (o *Outcome) lookUp(asker *question.Asker, next caddyhttp.Handler, maxAge time.Duration) validator.SessionState {
	ctx, key := o.Background(), o.came.Key()
	began := time.Now()
	record, active, err := o.Core.Ledger.Active(ctx, key)
	telemetry.LookedUp(record, began)
	if err != nil {
		return o.notFound(err)
	}
	if active && o.policy.IsCurrent(record, maxAge, o.came.Now) {
		if err := o.Core.Ledger.Touch(ctx, record, o.policy.Site.Session.IdleTimeout); err != nil {
			telemetry.CountStoreError(err)
			o.policy.Warn("touching session", zap.Error(err)) // it counts all the same; only its idle time goes on
		}
		o.keep(record)
		return validator.Active
	}
	switch {
	case asker == nil:
		return validator.Unknown
	case !active && o.Core.Ledger.IsNobody(ctx, key):
		return validator.Nobody
	}
	visitor := question.Visitor{Policy: o.policy, Core: o.Core, Came: o.came, Mark: o.Mark, Next: next}
	answer := asker.Ask(visitor, active, maxAge)
	switch answer.State {
	case validator.Active:
		o.keep(answer.Session)
		if answer.Unkept != nil {
			o.Session.Unkept = !answer.Unkept.Known
			WarnOfUnkept(o.policy, answer.Unkept)
		}
	case validator.Revoked:
		o.Session.Revoked = true
	case validator.Undetermined:
		o.Reason = answer.Reason
	default:
	}
	return answer.State
}

// keep keeps the record of an active session.
func (o *Outcome) keep(record sessions.Session) {
	o.Session.Record = &o.find().record
	*o.Session.Record = record
}

// WarnOfUnkept says that the store did not take what the application said. The request goes on all the same.
func WarnOfUnkept(p *policy.Policy, err *ledger.UnkeptError) {
	telemetry.CountStoreError(err)
	p.Warn("keeping a session; it counts for this request, and the application is asked again with the next one", zap.Error(err))
}

// notFound returns the state of a session that the ledger returned an error for.
func (o *Outcome) notFound(err error) validator.SessionState {
	if errors.Is(err, ledger.ErrRevoked) {
		o.Session.Revoked = true
		return validator.Revoked
	}
	o.Reason = validator.StoreUnavailable
	o.policy.CouldNotTell(o.Reason, err)
	return validator.Undetermined
}

// Recorded returns what the store says of the session that came, without asking the application, and keeps it in mind.
func (o *Outcome) Recorded() validator.SessionState {
	_, active, err := o.Core.Ledger.Active(o.Background(), o.came.Key())
	switch {
	case err != nil:
		o.Session.State = o.notFound(err)
	case active:
		o.Session.State = validator.Active
	default:
		o.Session.State = validator.Unknown
	}
	return o.Session.State
}
