package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
)

// reserved are the parameters of an authorization request that the callback sets itself or has an option for, and those by
// which a request would say something else than its parameters do.
var reserved = []string{
	"client_id", "redirect_uri", "scope", "state", "nonce", "response_type", "response_mode", "code_challenge",
	"code_challenge_method", "prompt", "max_age", "acr_values", "request", "request_uri", "registration", "client_secret",
	"client_assertion", "client_assertion_type",
}

// isReserved reports whether no option may set the parameter.
func isReserved(parameter string) bool { return slices.Contains(reserved, parameter) }

// authorization is what the provider is asked for (OpenID Connect Core 1.0 section 3.1.2.1).
type authorization struct {
	endpoint    string
	redirectURI string
	attempt     signIn
	fixed       map[string]string // parameters that are the same for every sign-in
	response    string
	maxAge      *int64 // in seconds; nil: any
}

// address returns the address that asks the provider to sign the user in.
func (a authorization) address() (string, error) {
	address, err := url.Parse(a.endpoint)
	if err != nil || a.endpoint == "" {
		return "", fmt.Errorf("%w: it names no authorization endpoint", issuer.ErrUnavailable)
	}
	query := address.Query()
	for name, value := range a.fixed {
		query.Set(name, value)
	}
	query.Set("redirect_uri", a.redirectURI)
	query.Set("state", a.attempt.State)
	query.Set("nonce", a.attempt.Nonce)
	if a.maxAge != nil {
		query.Set("max_age", strconv.FormatInt(*a.maxAge, 10))
	}
	if a.response == ResponseCode {
		challenge := sha256.Sum256([]byte(a.attempt.Verifier))
		query.Set("response_type", "code")
		query.Set("code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]))
		query.Set("code_challenge_method", "S256")
	} else {
		query.Set("response_type", "id_token token")
		query.Set("response_mode", "form_post")
	}
	address.RawQuery = query.Encode()
	return address.String(), nil
}

// maxAgeOf returns the shorter of what is configured and what the start was asked for, in seconds. Nil means that any sign-in
// of the user will do. A text that is no number of seconds counts as 0: whoever asks gets a fresh sign-in.
func maxAgeOf(configured *int64, asked string) *int64 {
	if asked == "" {
		return configured
	}
	seconds, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || seconds < 0 {
		seconds = 0
	}
	if configured != nil {
		seconds = min(seconds, *configured)
	}
	return &seconds
}
