package jwtsession

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// ForwardToken is a token for services that verify tokens by themselves. It is sent as `Authorization: Bearer` in the place
// of whatever the client sent there; without a user nothing is sent.
//
// What the client sent there is removed from refused requests too, so that no error route hands it on: a service behind
// would take it for ours.
//
// It is another token than the one in the cookie: of the type `at+jwt` (RFC 9068), not bound to the session, and not
// accepted by this gateway. It names the same user and attributes and ends at the same time; `client_id` is the realm.
// Nobody asks the gateway about it again: a service takes it until it ends, whatever becomes of the session.
type ForwardToken struct {
	// The claim `aud`, which services should compare with their own name. Default: the realm.
	Audience string `json:"audience,omitempty"`
}

func (f *ForwardToken) validate(issuer string) error {
	switch {
	case f == nil:
		return nil
	case issuer == "":
		return errors.New("forward_token: services need to know whose token it is; set token_issuer too")
	case strings.ContainsAny(f.Audience, "{}"):
		return fmt.Errorf("forward_token %s: the audience is fixed; placeholders do not work here", f.Audience)
	case f.Audience != "" && !identity.IsText(f.Audience):
		return fmt.Errorf("forward_token %q: want an audience of visible ASCII characters", f.Audience)
	}
	return nil
}

// strip removes what the client sent in the place of our token, whatever is decided: a refused request goes to error
// routes.
func (f *ForwardToken) strip(r *http.Request) {
	if f != nil {
		identity.Authorization.Strip(r)
	}
}

// forward gives the request the token for the services behind, in the place of what the client sent: they believe what they
// find there.
func (v *visit) forward() {
	if v.ForwardToken == nil {
		return
	}
	v.ForwardToken.strip(v.request)
	if v.decision.Identity.User == "" || v.gateway == nil {
		return
	}
	token, err := v.forwardedToken()
	if err != nil {
		v.warn("making a token for the services behind, which see nobody signed in now", zap.Error(err))
		return
	}
	v.request.Header.Set("Authorization", "Bearer "+token)
}

// forwardedToken returns the token for the services behind: the one that was made for the same identity before, or a new
// one.
func (v *visit) forwardedToken() (string, error) {
	keys, audience := v.gateway.Keys.Current(), v.ForwardToken.Audience
	if audience == "" {
		audience = v.realm
	}
	subject := forwardSubject{
		key: keys.SigningKeyID(), realm: v.realm, issuer: v.TokenIssuer, audience: audience,
		user: v.decision.Identity.User, source: v.decision.Identity.Source,
	}
	if token, ok := v.forwarded.get(subject, v.decision.Identity, v.now); ok {
		return token, nil
	}
	token, err := validator.Minter{Keys: keys, Issuer: v.TokenIssuer}.Forward(validator.Forwarded{
		User: v.decision.Identity.User, Realm: v.realm, Audience: audience, Attributes: v.decision.Identity.Attributes, Expires: v.decision.Identity.Expires,
	}, v.now)
	if err != nil {
		return "", err
	}
	v.forwarded.put(subject, forwardedToken{
		token: token, attributes: v.decision.Identity.Attributes, made: v.now.Unix(), expires: v.decision.Identity.Expires,
	})
	return token, nil
}

// confirmedFor is how long an answer of the application is good on this route. Tokens count in whole seconds: in the last
// one there would be none to make for the services behind.
func (h *Handler) confirmedFor() time.Duration {
	if h.ForwardToken == nil {
		return time.Duration(h.TokenLifetime)
	}
	return time.Duration(h.TokenLifetime) - time.Second
}
