package outcome

import (
	"errors"

	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/access"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Beside is the session that an access token of a callback's cookie counts with. The zero value is none.
type Beside struct {
	Key      sessions.Key
	User     string
	AuthTime int64
}

// weighAccess takes the access tokens into account beside what was decided without them. Where both name the same user,
// the attributes of the session stand where the access token does not say them itself.
func weighAccess(o *Outcome, places []access.Place, verdict validator.Verdict) validator.Verdict {
	if o.Access.State == validator.AccessAbsent {
		return verdict
	}
	var users []string
	if o.Access.IsBound {
		beside, found, err := sessionBeside(o, verdict)
		switch {
		case err != nil:
			o.Reason = validator.StoreUnavailable
			o.policy.CouldNotTell(o.Reason, err)
			return validator.CouldNotTell{Token: validator.LeaveToken}
		case !found:
			o.Access = access.ReadUnbound(o.policy, places, o.Core, o.came)
		case beside.User != "":
			users, o.Session.Beside = append(users, beside.User), &beside
		}
	}
	switch without := verdict.(type) {
	case validator.ByToken:
		users = append(users, o.Token.Claims.Subject())
		o.Access.Attributes = access.Overlay(o.Token.Claims.Attributes(), o.Access.Attributes)
	case validator.BySession:
		users = append(users, o.Session.Record.User)
		o.Access.Attributes = access.Overlay(o.Session.Record.Attributes, o.Access.Attributes)
	case validator.Unauthenticated:
		if without.Reason == validator.SessionMissing && o.Token.State == validator.TokenUsable {
			users = append(users, o.Token.Claims.Subject())
		}
	case validator.ByIssuer, validator.AskSession, validator.CouldNotTell: // name no user
	}
	weighed := validator.DecideAccess(o.Access.Access, verdict, users...)
	if _, undetermined := weighed.(validator.CouldNotTell); undetermined && o.Reason == "" {
		o.Reason = o.Access.Reason
	}
	return weighed
}

// sessionBeside returns the session that the request was decided by without access tokens, and whether there is one. Where
// only tokens of ours count, the session that came is looked up. An error means that this could not be told.
func sessionBeside(o *Outcome, verdict validator.Verdict) (beside Beside, found bool, err error) {
	switch verdict := verdict.(type) {
	case validator.ByToken:
		return besideOfToken(o.Token.Claims), true, nil
	case validator.BySession:
		record := o.Session.Record
		return Beside{record.Key, record.User, record.AuthTime}, true, nil
	case validator.CouldNotTell:
		return Beside{}, true, nil // it stays that, whatever the access token says
	case validator.Unauthenticated:
		if verdict.Reason == validator.SessionMissing && o.Token.State == validator.TokenUsable {
			return besideOfToken(o.Token.Claims), true, nil
		}
	case validator.ByIssuer, validator.AskSession: // do not come here
	}
	if o.policy.Site.Mode != validator.Stateless || o.came.Session.Presence != validator.Present {
		return Beside{}, false, nil
	}
	record, active, err := o.Core.Ledger.Active(o.Background(), o.came.Key())
	if errors.Is(err, ledger.ErrRevoked) {
		o.Session.Revoked = true
		return Beside{}, false, nil
	}
	return Beside{record.Key, record.User, record.AuthTime}, active, err
}

// authTimeBeside returns when the user of an access token signed in, by the session that came beside it and is his. It is 0 if
// there is none.
func authTimeBeside(o *Outcome) int64 {
	switch {
	case o.Session.Beside != nil:
		return o.Session.Beside.AuthTime
	case o.Session.Record.User != "":
		return o.Session.Record.AuthTime
	case o.Token.State == validator.TokenUsable:
		return o.Token.Claims.AuthTime()
	default:
		return 0
	}
}

func besideOfToken(claims *validator.Claims) Beside {
	return Beside{claims.SessionKey(), claims.Subject(), claims.AuthTime()}
}
