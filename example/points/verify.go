package points

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// tokenType is what an access token calls itself (RFC 9068 section 2.1). Without that check an ID token, or any other
// token of the same signer, would do.
const tokenType = "at+jwt"

// claims are those that this service reads.
type claims struct {
	jwt.Claims

	Role string `json:"role"`
}

// verify returns what the token says, if the gateway made it for this service and it has not expired.
func (p *Points) verify(ctx context.Context, authorization string, now time.Time) (claims, error) {
	token, isBearer := strings.CutPrefix(authorization, "Bearer ")
	if !isBearer {
		return claims{}, errors.New("the gateway forwarded no token: nobody is signed in")
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return claims{}, fmt.Errorf("reading the token: %w", err)
	}
	header := parsed.Headers[0] // the compact form has exactly one
	if header.ExtraHeaders[jose.HeaderType] != tokenType {
		return claims{}, errors.New("the token is no access token")
	}
	key, err := p.keys.find(ctx, header.KeyID, now)
	if err != nil {
		return claims{}, err
	}
	var read claims
	if err := parsed.Claims(key, &read); err != nil {
		return claims{}, fmt.Errorf("verifying the token: %w", err)
	}
	// Without an expiry go-jose takes a token for good.
	if read.Expiry == nil || read.Subject == "" {
		return claims{}, errors.New("the token has no expiry or no user")
	}
	err = read.ValidateWithLeeway(jwt.Expected{Issuer: p.Issuer, AnyAudience: jwt.Audience{p.Audience}, Time: now}, 0)
	if err != nil {
		return claims{}, fmt.Errorf("checking the token: %w", err)
	}
	return read, nil
}
