package jwtsession

import (
	"maps"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// access is what the access tokens of identity providers that came with a request are worth together.
type access struct {
	validator.Access

	attributes sessions.Attributes // of a usable token
	tokenID    string
	source     identity.Source
	expires    int64
	fromHeader bool // it came in a header: such a client is given no cookie
	isBound    bool // one of them is in a cookie of a callback, so that it counts with a session alone
	beside     besideAccess
}

// noAccess is what a request brings that has no access token.
var noAccess = access{Access: validator.Access{State: validator.AccessAbsent}}

// readAccess verifies the access tokens that came, each with the keys of the provider whose place it is in.
func (v *visit) readAccess() access {
	joined := noAccess
	for _, one := range v.Issuers {
		from := v.accessFrom(one)
		isBound := joined.isBound || from.State != validator.AccessAbsent && v.app.Names().IsSignInCookie(v.realm, one.From.Cookie)
		joined = joined.join(from)
		joined.isBound = isBound
	}
	return joined
}

// readUnboundAccess is readAccess without the cookies of callbacks. What is in those does not count, and is no reason to
// say that it could not be told.
func (v *visit) readUnboundAccess() access {
	joined := noAccess
	for _, one := range v.Issuers {
		if v.app.Names().IsSignInCookie(v.realm, one.From.Cookie) {
			continue
		}
		joined = joined.join(v.accessFrom(one))
	}
	if joined.State == validator.AccessAbsent {
		return access{Access: validator.Access{Reason: validator.SessionMissing}}
	}
	return joined
}

// join joins what came in two places. Where both count, so do the attributes of both.
func (a access) join(other access) access {
	joined := a.Access.Join(other.Access)
	switch {
	case joined.State != validator.AccessUsable:
		return access{Access: joined}
	case a.State != validator.AccessUsable:
		return other
	case other.State != validator.AccessUsable:
		return a
	}
	a.attributes = overlay(a.attributes, other.attributes)
	a.expires, a.fromHeader = min(a.expires, other.expires), a.fromHeader || other.fromHeader
	return a
}

// overlay returns the attributes with those above in the place of their namesakes, as far as they say anything.
func overlay(below, above sessions.Attributes) sessions.Attributes {
	joined := make(sessions.Attributes, len(below)+len(above))
	maps.Copy(joined, below)
	for name, attribute := range above {
		if _, known := joined[name]; attribute.Present() || !known {
			joined[name] = attribute
		}
	}
	return joined
}

// accessFrom verifies the token in the place of one provider.
func (v *visit) accessFrom(one *Issuer) access {
	credential := v.accessCredential(one.From)
	switch credential.Presence {
	case validator.Absent:
		return noAccess
	case validator.Present:
	default:
		return access{Access: validator.Access{Reason: validator.TokenAmbiguous}}
	}
	if v.gateway == nil { // whether the token or its user is revoked is not known
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: validator.StoreUnavailable}}
	}
	provider, err := v.app.Provider(one.options())
	if err != nil {
		v.warn("opening identity provider", zap.Error(err))
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: validator.IssuerUnavailable}}
	}
	var token *validator.AccessToken
	reason, err := provider.Verify(v.request.Context(), func(keys *validator.ProviderKeys) (reason validator.Reason) {
		token, reason = keys.VerifyAccess(credential, one.rules, v.now)
		return reason
	})
	if err != nil {
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: validator.IssuerUnavailable}}
	}
	if reason != "" {
		return access{Access: validator.Access{Reason: reason}}
	}
	if v.gateway.Ledger.AccessDead(v.realm, token.User(), token.TokenID(), token.Since()) {
		return access{Access: validator.Access{Reason: validator.TokenRevoked}}
	}
	return access{
		Access:     validator.Access{State: validator.AccessUsable, User: token.User()},
		attributes: token.Attributes(), fromHeader: one.From.Cookie == "", expires: token.Expires(),
		tokenID: token.TokenID(),
		source:  identity.Source{Token: one.URL + " " + token.TokenID(), AuthTime: token.Since()},
	}
}

// weighAccess takes the access tokens into account beside what was decided without them. Where both name the same user,
// the attributes of the session stand where the access token does not say them itself.
func (v *visit) weighAccess(verdict validator.Verdict) validator.Verdict {
	if v.access.State == validator.AccessAbsent {
		return verdict
	}
	var users []string
	if v.access.isBound {
		beside, found, err := v.sessionBeside(verdict)
		switch {
		case err != nil:
			v.couldNotTell(validator.StoreUnavailable, err)
			return validator.CouldNotTell{Token: validator.LeaveToken}
		case !found:
			v.access = v.readUnboundAccess()
		case beside.user != "":
			users, v.access.beside = append(users, beside.user), beside
		}
	}
	switch without := verdict.(type) {
	case validator.ByToken:
		users = append(users, v.token.Claims.Subject())
		v.access.attributes = overlay(v.token.Claims.Attributes(), v.access.attributes)
	case validator.BySession:
		users = append(users, v.record.User)
		v.access.attributes = overlay(v.record.Attributes, v.access.attributes)
	case validator.Unauthenticated:
		if without.Reason == validator.SessionMissing && v.token.State == validator.TokenUsable {
			users = append(users, v.token.Claims.Subject())
		}
	case validator.ByIssuer, validator.AskSession, validator.CouldNotTell: // name no user
	}
	weighed := validator.DecideAccess(v.access.Access, verdict, users...)
	if _, undetermined := weighed.(validator.CouldNotTell); undetermined && v.reason == "" {
		v.reason = v.access.Reason
	}
	return weighed
}

// useTokenBesideAccess settles what becomes of our token's cookie: what becomes of it without the access token, except
// that clients which send that in a header keep their tokens themselves.
func (v *visit) useTokenBesideAccess(action validator.TokenCookie) {
	switch {
	case v.access.fromHeader:
		v.tokenCookie = validator.LeaveToken
	case action != validator.LeaveToken:
		v.useTokenCookie(action)
	}
}

// principalOfAccess returns the user that the access tokens name.
func (v *visit) principalOfAccess() identity.Principal {
	who := identity.NewPrincipal(v.access.User, v.access.attributes, identity.ViaIssuer)
	who.Source, who.Expires = v.access.source, v.access.expires
	return who
}

// accessCredential reads the token from its place.
func (v *visit) accessCredential(place *app.TokenPlace) validator.TokenCredential {
	switch {
	case place.Cookie != "":
		return validator.ReadToken(v.cookies, place.Cookie)
	case place.Header != "":
		return validator.TokenOfHeader(v.request.Header[place.Header])
	default:
		return validator.TokenOfBearer(v.journey.Authorization)
	}
}
