package provider

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// mint makes the tokens of a provider.
type mint struct {
	issuer string
	now    func() time.Time
	keys   keys
}

// tokens is the answer of the token endpoint.
type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	ID        string `json:"id_token"`
	Scope     string `json:"scope"`
}

// issue makes the tokens of one sign-in.
func (m *mint) issue(request authorization, user User) (tokens, error) {
	access, err := m.access(request, user)
	if err != nil {
		return tokens{}, err
	}
	id, err := m.id(request, user, access)
	if err != nil {
		return tokens{}, err
	}
	return tokens{
		Access: access, Type: "Bearer", ExpiresIn: int(accessLifetime / time.Second), ID: id,
		Scope: strings.Join(request.granted(user), " "),
	}, nil
}

// access makes an access token, of the form of RFC 9068.
func (m *mint) access(request authorization, user User) (string, error) {
	now := m.now()
	return m.keys.sign("at+jwt", accessClaims{
		Issuer: m.issuer, Subject: user.Subject, Audience: request.client.Audience, Client: request.client.ID, ID: rand.Text(),
		Scope: strings.Join(request.granted(user), " "), IssuedAt: now.Unix(), Expires: now.Add(accessLifetime).Unix(),
	})
}

// id makes the ID token that goes with an access token.
func (m *mint) id(request authorization, user User, access string) (string, error) {
	now := m.now()
	claims := idClaims{
		Issuer: m.issuer, Subject: user.Subject, Audience: request.client.ID, Nonce: request.nonce,
		AccessHash: halfHash(access), IssuedAt: now.Unix(), AuthTime: now.Unix(), Expires: now.Add(idLifetime).Unix(),
	}
	if slices.Contains(request.granted(user), "profile") {
		claims.Name = user.FullName
	}
	return m.keys.sign("JWT", claims)
}

// accessClaims are those of an access token (RFC 9068 section 2.2).
type accessClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Client   string `json:"client_id"`
	ID       string `json:"jti"`
	Scope    string `json:"scope"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// idClaims are those of an ID token (OpenID Connect Core 1.0 section 2).
type idClaims struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Audience   string `json:"aud"`
	Nonce      string `json:"nonce,omitempty"`
	AccessHash string `json:"at_hash"`
	Name       string `json:"name,omitempty"`
	IssuedAt   int64  `json:"iat"`
	AuthTime   int64  `json:"auth_time"`
	Expires    int64  `json:"exp"`
}
