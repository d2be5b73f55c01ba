package issuer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Client is a client of a provider and what it proves itself with.
type Client struct {
	// ID is the name that the provider knows the client by.
	ID string
	// Secret is the client's secret. It is empty for a public client, and for one with a key.
	Secret string
	// SecretPlace is where the secret is shown.
	SecretPlace SecretPlace
	// Key is the client's private key. It is nil for a client without one.
	Key *validator.Key
	// ForTokenEndpoint reports whether what is signed with the key names the token endpoint in the place of the provider.
	ForTokenEndpoint bool
}

// SecretPlace is where a client shows its secret. The zero value leaves that to the provider's metadata.
type SecretPlace uint8

// The places.
const (
	AsNamed  SecretPlace = iota // where the metadata say
	InHeader                    // client_secret_basic
	InForm                      // client_secret_post
)

// authMethod is a way in which a client proves who it is (OpenID Connect Core 1.0 section 9).
type authMethod string

const (
	secretBasic   authMethod = "client_secret_basic"
	secretPost    authMethod = "client_secret_post"
	privateKeyJWT authMethod = "private_key_jwt"
	publicClient  authMethod = "none"
)

// method returns the way in which the client proves who it is, to a provider that accepts the ways that it names. A client
// with a secret and no place for it shows it in the header, unless the provider names the form and not the header: RFC 8414
// section 2 says that a provider that names nothing accepts the header, and RFC 6749 section 2.3.1 that each must.
func (c Client) method(accepted []string) authMethod {
	switch {
	case c.Key != nil:
		return privateKeyJWT
	case c.Secret == "":
		return publicClient
	case c.SecretPlace == InHeader:
		return secretBasic
	case c.SecretPlace == InForm, slices.Contains(accepted, string(secretPost)) && !slices.Contains(accepted, string(secretBasic)):
		return secretPost
	default:
		return secretBasic
	}
}

// assertionType is the type of what a client signs (RFC 7523 section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// prove adds to a request for the token endpoint what proves who the client is, to its header or its form. It is one way alone,
// as RFC 6749 section 2.3 demands, and the client is named in one place.
func (c Client) prove(header http.Header, form url.Values, metadata Metadata, now time.Time) error {
	switch c.method(metadata.AuthMethods) {
	case secretBasic:
		pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		return nil
	case secretPost:
		form.Set("client_secret", c.Secret)
	case privateKeyJWT:
		audience := metadata.Issuer
		if c.ForTokenEndpoint {
			audience = metadata.TokenEndpoint
		}
		assertion, err := validator.ClientAssertion{ClientID: c.ID, Audience: audience}.Sign(*c.Key, now)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoProof, err)
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	case publicClient:
	default:
		return errNoProof
	}
	form.Set("client_id", c.ID)
	return nil
}

var errNoProof = errors.New("proving the client to the identity provider")
