package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// Metadata are the metadata of a provider (OpenID Connect Discovery 1.0 section 3).
type Metadata struct {
	// Issuer is the name of the provider.
	Issuer string `json:"issuer"`
	// AuthorizationEndpoint is the address where users sign in. It is empty for a provider of access tokens alone.
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	// TokenEndpoint is the address where a code is redeemed. It is empty for a provider of access tokens alone.
	TokenEndpoint string `json:"token_endpoint"`
	// KeysURL is the address of the keys.
	KeysURL string `json:"jwks_uri"`
	// EndSessionEndpoint is the address where users sign out (OpenID Connect RP-Initiated Logout 1.0 section 2.1). It is empty
	// if the provider has none that browsers may be sent to.
	EndSessionEndpoint string `json:"end_session_endpoint"`
	// AuthMethods names the ways in which a client may prove who it is at the token endpoint. It is empty if the provider does
	// not say.
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	// NamesIssuer reports whether the answer to a sign-in always has the parameter iss (RFC 9207 section 3).
	NamesIssuer bool `json:"authorization_response_iss_parameter_supported"`
}

// discoveryPath is where the metadata are, below the issuer.
const discoveryPath = "/.well-known/openid-configuration"

// discover fetches and checks the metadata of the issuer.
func (c client) discover(ctx context.Context, issuer string) (Metadata, error) {
	text, err := c.fetch(ctx, strings.TrimSuffix(issuer, "/")+discoveryPath)
	if err != nil {
		return Metadata{}, fmt.Errorf("fetching metadata: %w", err)
	}
	var metadata Metadata
	if err := json.Unmarshal(text, &metadata); err != nil {
		return Metadata{}, errors.New("fetching metadata: it is not one JSON object of the form of OpenID Connect Discovery")
	}
	if metadata.Issuer != issuer {
		return Metadata{}, fmt.Errorf("fetching metadata: the provider calls itself %q; write issuer so, to the letter",
			metadata.Issuer)
	}
	for name, address := range map[string]string{
		"jwks_uri": metadata.KeysURL, "authorization_endpoint": metadata.AuthorizationEndpoint, "token_endpoint": metadata.TokenEndpoint,
	} {
		if address == "" && name != "jwks_uri" {
			continue // a provider of access tokens alone may have none
		}
		if err := CheckAddress(address); err != nil {
			return Metadata{}, fmt.Errorf("fetching metadata: %s: %w", name, err)
		}
	}
	if CheckAddress(metadata.EndSessionEndpoint) != nil {
		metadata.EndSessionEndpoint = "" // nobody is locked out for that
	}
	return metadata, nil
}
