// Package forward gives the services behind a token of their own, which they verify by themselves.
package forward

import (
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Forwarder makes tokens for the services behind one handler. A nil Forwarder makes none. It never changes, and its methods
// are safe for concurrent use.
type Forwarder struct {
	// Issuer is the claim `iss`, and Audience is the claim `aud`. An empty audience stands for the realm.
	Issuer, Audience string
	// Memory remembers the tokens that were made.
	Memory *Memory
}

// Strip removes what the client sent in the place of our token, whatever is decided: a refused request goes to error
// routes.
func (f *Forwarder) Strip(r *http.Request) {
	if f != nil {
		identity.Authorization.Strip(r)
	}
}

// Give gives the request the token for the services behind, in the place of what the client sent: they believe what they
// find there. Where nobody is signed in, they find nothing.
func (f *Forwarder) Give(r *http.Request, core *app.Core, realm string, who *identity.Principal, now time.Time) error {
	if f == nil {
		return nil
	}
	f.Strip(r)
	if who.User == "" || core == nil {
		return nil
	}
	token, err := f.token(core.Keys.Current(), realm, who, now)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// token returns the token for the services behind: the one that was made for the same identity before, or a new one.
func (f *Forwarder) token(keys *validator.KeySet, realm string, who *identity.Principal, now time.Time) (string, error) {
	audience := f.Audience
	if audience == "" {
		audience = realm
	}
	of := subject{
		key: keys.SigningKeyID(), realm: realm, issuer: f.Issuer, audience: audience, user: who.User, source: who.Source,
	}
	if token, ok := f.Memory.get(of, who, now); ok {
		return token, nil
	}
	token, err := validator.Minter{Keys: keys, Issuer: f.Issuer}.Forward(validator.Forwarded{
		User: who.User, Realm: realm, Audience: audience, Attributes: who.Attributes, Expires: who.Expires,
	}, now)
	if err != nil {
		return "", err
	}
	f.Memory.put(of, made{token: token, attributes: who.Attributes, made: now.Unix(), expires: who.Expires})
	return token, nil
}
