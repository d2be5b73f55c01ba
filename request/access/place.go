package access

import (
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Place is where tokens of one provider come, and what they must say.
type Place struct {
	Provider issuer.Options
	Rules    validator.AccessRules
	From     app.TokenPlace
}

// Read verifies the access tokens that came, each with the keys of the provider whose place it is in. Core is nil if the
// store could not be opened. Do not change what is returned if no token came.
func Read(p *policy.Policy, places []Place, core *app.Core, came *arrival.Arrival) *Access {
	if len(places) == 0 {
		return &absent
	}
	joined := absent
	for i := range places {
		place := &places[i]
		from := place.read(p, core, came)
		isBound := joined.IsBound || from.State != validator.AccessAbsent && p.App.Names().IsSignInCookie(came.Realm, place.From.Cookie)
		joined = joined.join(from)
		joined.IsBound = isBound
	}
	return &joined
}

// ReadUnbound is [Read] without the cookies of callbacks. What is in those does not count, and is no reason to say that it
// could not be told.
func ReadUnbound(p *policy.Policy, places []Place, core *app.Core, came *arrival.Arrival) *Access {
	joined := absent
	for i := range places {
		if p.App.Names().IsSignInCookie(came.Realm, places[i].From.Cookie) {
			continue
		}
		joined = joined.join(places[i].read(p, core, came))
	}
	if joined.State == validator.AccessAbsent {
		joined = refused(validator.SessionMissing)
	}
	return &joined
}

// read verifies the token in the place.
func (l *Place) read(p *policy.Policy, core *app.Core, came *arrival.Arrival) Access {
	credential := l.credential(came)
	switch credential.Presence {
	case validator.Absent:
		return absent
	case validator.Present:
	default:
		return refused(validator.TokenAmbiguous)
	}
	if core == nil { // whether the token or its user is revoked is not known
		return undetermined(validator.StoreUnavailable)
	}
	provider, err := p.App.Provider(l.Provider)
	if err != nil {
		p.Warn("opening identity provider", zap.Error(err))
		return undetermined(validator.IssuerUnavailable)
	}
	var token *validator.AccessToken
	reason, err := provider.Verify(came.Request.Context(), func(keys *validator.ProviderKeys) (reason validator.Reason) {
		token, reason = keys.VerifyAccess(credential, l.Rules, came.Now)
		return reason
	})
	switch {
	case err != nil:
		return undetermined(validator.IssuerUnavailable)
	case reason != "":
		return refused(reason)
	case core.Ledger.AccessDead(came.Realm, token.User(), token.TokenID(), token.Since()):
		return refused(validator.TokenRevoked)
	}
	return Access{
		Access:     validator.Access{State: validator.AccessUsable, User: token.User()},
		Attributes: token.Attributes(), FromHeader: l.From.Cookie == "", Expires: token.Expires(), TokenID: token.TokenID(), AuthTime: token.AuthTime(),
		Source: identity.Source{Token: l.Provider.Issuer + " " + token.TokenID(), AuthTime: token.Since()},
	}
}

// credential reads the token from its place.
func (l *Place) credential(came *arrival.Arrival) validator.TokenCredential {
	switch {
	case l.From.Cookie != "":
		return validator.ReadToken(came.Cookies, l.From.Cookie)
	case l.From.Header != "":
		return validator.TokenOfHeader(came.Request.Header[l.From.Header])
	default:
		return validator.TokenOfBearer(came.Journey.Authorization)
	}
}
