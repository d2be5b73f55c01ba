package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// Metadata is what a provider says of itself (OpenID Connect Discovery 1.0 section 3).
type Metadata struct {
	Issuer string `json:"issuer"`
	// AuthorizationEndpoint is where users are sent to sign in.
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	// TokenEndpoint is where a code is redeemed.
	TokenEndpoint string `json:"token_endpoint"`
	// KeysURL is where the keys are.
	KeysURL string `json:"jwks_uri"`
	// NamesIssuer promises the parameter iss in what comes back from a sign-in (RFC 9207 section 3).
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
	return metadata, nil
}
