package jwtsession

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// access is what the access tokens of identity providers that came with a request are worth together.
type access struct {
	validator.Access

	attributes sessions.Attributes // of a usable token
	fromHeader bool                // it came in a header, which a browser adds to no request by itself
}

// noAccess is what a request brings that has no access token.
var noAccess = access{Access: validator.Access{State: validator.AccessAbsent}}

// readAccess verifies the access tokens that came, each with the keys of the provider whose place it is in.
func (v *visit) readAccess() access {
	joined := noAccess
	for _, one := range v.Issuers {
		joined = joined.join(v.accessFrom(one))
	}
	return joined
}

// join joins what came in two places. The attributes are those of the token that counts, and of both where both do.
func (a access) join(other access) access {
	both := a.State == validator.AccessUsable && other.State == validator.AccessUsable
	joined := access{Access: a.Access.Join(other.Access), attributes: a.attributes, fromHeader: a.fromHeader}
	switch {
	case joined.State != validator.AccessUsable:
		joined.attributes = nil
	case both:
		joined.attributes, joined.fromHeader = overlay(a.attributes, other.attributes), a.fromHeader || other.fromHeader
	case other.State == validator.AccessUsable:
		joined.attributes, joined.fromHeader = other.attributes, other.fromHeader
	}
	return joined
}

// overlay returns the attributes with those above in the place of their namesakes, as far as they say anything.
func overlay(below, above sessions.Attributes) sessions.Attributes {
	joined := make(sessions.Attributes, len(below)+len(above))
	for name, attribute := range below {
		joined[name] = attribute
	}
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
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: reasonStoreUnavailable}}
	}
	provider, err := v.app.providers.get(one.options())
	if err != nil {
		v.warn("opening identity provider", zap.Error(err))
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: reasonIssuerUnavailable}}
	}
	token, reason, err := verifyAccess(v.request.Context(), provider, credential, one.rules, v.now)
	if err != nil {
		return access{Access: validator.Access{State: validator.AccessUndetermined, Reason: reasonIssuerUnavailable}}
	}
	if reason != "" {
		return access{Access: validator.Access{Reason: reason}}
	}
	if v.gateway.ledger.AccessDead(v.realm, token.User(), token.TokenID(), token.Since()) {
		return access{Access: validator.Access{Reason: validator.TokenRevoked}}
	}
	return access{
		Access:     validator.Access{State: validator.AccessUsable, User: token.User()},
		attributes: token.Attributes(), fromHeader: one.From.Cookie == "",
	}
}

// reasonIssuerUnavailable says that the identity provider did not say which keys it has.
const reasonIssuerUnavailable validator.Reason = "issuer_unavailable"

// accessCredential reads the token from its place.
func (v *visit) accessCredential(place *TokenPlace) validator.TokenCredential {
	switch {
	case place.Cookie != "":
		return validator.ReadToken(v.cookies, place.Cookie)
	case place.Header != "":
		return validator.TokenOfHeader(v.request.Header[place.Header])
	default:
		return validator.TokenOfBearer(journeyOf(v.request).authorization)
	}
}

// verifyAccess verifies a token, and asks the provider again where it names a key that is not known. An error means that
// the provider could not be asked.
func verifyAccess(
	ctx context.Context, provider *issuer.Provider, credential validator.TokenCredential, rules validator.AccessRules, now time.Time,
) (*validator.AccessToken, validator.Reason, error) {
	keys, err := provider.Keys(ctx)
	if err != nil {
		return nil, "", err
	}
	token, reason := keys.VerifyAccess(credential, rules, now)
	if reason != validator.TokenUnknownKey {
		return token, reason, nil
	}
	if keys, err = provider.Refresh(ctx); err != nil {
		return nil, "", err
	}
	token, reason = keys.VerifyAccess(credential, rules, now)
	return token, reason, nil
}
