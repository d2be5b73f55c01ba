package issuer

import (
	"context"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Verify calls a function with the keys of the provider, and once more with newly read keys if it returns
// [validator.TokenUnknownKey]. It returns the function's last reason. An error means that the provider could not be asked.
func (p *Provider) Verify(ctx context.Context, verify func(*validator.ProviderKeys) validator.Reason) (validator.Reason, error) {
	keys, err := p.Keys(ctx)
	if err != nil {
		return "", err
	}
	if reason := verify(keys); reason != validator.TokenUnknownKey {
		return reason, nil
	}
	if keys, err = p.Refresh(ctx); err != nil {
		return "", err
	}
	return verify(keys), nil
}
