package jwtsession

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/forward"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
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

// prepare returns what makes the tokens.
func (f *ForwardToken) prepare(of *app.App, issuer string) (*forward.Forwarder, error) {
	if f == nil {
		return nil, nil //nolint:nilnil // a nil Forwarder makes no tokens
	}
	memory, err := forward.MemoryOf(of)
	return &forward.Forwarder{Issuer: issuer, Audience: f.Audience, Memory: memory}, err
}
