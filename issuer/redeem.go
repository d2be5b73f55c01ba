package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrRefused is returned, wrapped with the reason, if the provider did not accept the code.
var ErrRefused = errors.New("the identity provider refused the code")

// Redemption is what a code is redeemed with (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
type Redemption struct {
	// Client is who redeems the code.
	Client Client
	// Code is the code that the provider sent to the callback.
	Code string
	// CodeVerifier is the one of this sign-in.
	CodeVerifier string
	// RedirectURI is the one that the sign-in began with.
	RedirectURI string
}

// Tokens are the tokens of a sign-in.
type Tokens struct {
	// ID is the ID token.
	ID string `json:"id_token"`
	// Access is the access token. It may be empty.
	Access string `json:"access_token"`
	// Type is the type of the access token.
	Type string `json:"token_type"`
}

// Redeem redeems a code at the provider's token endpoint. The error wraps [ErrRefused] if the provider refused the code, and
// [ErrUnavailable] if it did not answer. No error repeats the code, the secret or a token.
func (p *Provider) Redeem(ctx context.Context, redemption Redemption) (Tokens, error) {
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return Tokens{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := redemption.request(ctx, metadata, p.options.Now())
	if err != nil {
		return Tokens{}, err
	}
	text, err := p.client.post(request)
	if err != nil {
		return Tokens{}, err
	}
	var tokens Tokens
	if err := json.Unmarshal(text, &tokens); err != nil || tokens.ID == "" {
		return Tokens{}, fmt.Errorf("%w: its answer holds no ID token", ErrRefused)
	}
	if tokens.Access != "" && !strings.EqualFold(tokens.Type, "Bearer") {
		return Tokens{}, fmt.Errorf("%w: its access token is not of the type Bearer", ErrRefused)
	}
	return tokens, nil
}

// request returns the request that redeems the code.
func (r Redemption) request(ctx context.Context, metadata Metadata, now time.Time) (*http.Request, error) {
	if err := CheckAddress(metadata.TokenEndpoint); err != nil {
		return nil, errNoTokenEndpoint
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {r.Code}, "redirect_uri": {r.RedirectURI}, "code_verifier": {r.CodeVerifier},
	}
	if err := r.Client.prove(header, form, metadata, now); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, metadata.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errNoTokenEndpoint
	}
	request.Header = header
	return request, nil
}

var errNoTokenEndpoint = fmt.Errorf("%w: it names no token endpoint", ErrUnavailable)

// post sends a request to the token endpoint and returns the answer.
//
// golang.org/x/oauth2 does not fit: it accepts an answer with a name twice, in another spelling or in a form, one with any
// status of 2xx, and the beginning of one over the size limit; it refuses an answer without an access token; and its errors
// repeat the answer.
func (c client) post(request *http.Request) ([]byte, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil || len(text) > maxDocument:
		return nil, fmt.Errorf("%w: its answer can't be read", ErrUnavailable)
	case response.StatusCode == http.StatusOK:
		return text, nil
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: its token endpoint answers with status %d", ErrUnavailable, response.StatusCode)
	default:
		return nil, fmt.Errorf("%w: %s", ErrRefused, refusal(text, response.StatusCode))
	}
}

// refusal returns the error code of the answer if it is one of RFC 6749 section 5.2, else the status.
func refusal(text []byte, status int) string {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &answer)
	switch answer.Error {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return answer.Error
	}
	return fmt.Sprintf("status %d", status)
}
