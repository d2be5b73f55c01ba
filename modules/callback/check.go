package callback

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// ClientKey is the private key of this gateway at a provider.
type ClientKey struct {
	// A file with one private key: PEM or a JWK, for ES256, EdDSA or RS256. Placeholders work. The provider knows the public
	// key by the `kid` of the JWK or by its thumbprint (RFC 7638). Required.
	File string `json:"file"`

	// Whom what is signed with the key names as its audience: `issuer`, the provider itself, or `token_endpoint`, the address of
	// its token endpoint, as older providers want it. Default: `issuer`.
	Audience string `json:"audience,omitempty"`
}

// Whom an assertion names.
const (
	audienceIssuer        = "issuer"
	audienceTokenEndpoint = "token_endpoint"
)

// How a secret is shown.
const (
	methodBasic = "basic"
	methodPost  = "post"
)

// maxKeyFile is how large the file of the key may be.
const maxKeyFile = 64 << 10

// load returns the key.
func (k ClientKey) load() (*validator.Key, error) {
	path, err := option.Expanded(k.File)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the path, which is no secret
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s: want a file of 64 KiB at most", path)
	}
	key, err := validator.ReadClientKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &key, nil
}

// newClient returns what the gateway is at the provider.
func newClient(c *Callback) (issuer.Client, error) {
	var client issuer.Client
	var err error
	if client.ID, err = option.Expanded(c.ClientID); err != nil {
		return issuer.Client{}, fmt.Errorf("client_id: %w", err)
	}
	if client.Secret, err = option.Expanded(c.ClientSecret); err != nil {
		return issuer.Client{}, fmt.Errorf("client_secret: %w", err)
	}
	if c.ClientSecret != "" && client.Secret == "" {
		return issuer.Client{}, errors.New("client_secret: it is empty; leave the option out for a client without a secret")
	}
	switch c.ClientSecretMethod {
	case methodBasic:
		client.SecretPlace = issuer.InHeader
	case methodPost:
		client.SecretPlace = issuer.InForm
	}
	if c.ClientKey != nil {
		if client.Key, err = c.ClientKey.load(); err != nil {
			return issuer.Client{}, fmt.Errorf("client_key: %w", err)
		}
		client.ForTokenEndpoint = c.ClientKey.Audience == audienceTokenEndpoint
	}
	return client, nil
}

// check checks the finished options.
func check(c *Callback) error {
	if !realm.IsText(c.Realm) {
		return fmt.Errorf("the realm %q must be letters, digits, _ and -", c.Realm)
	}
	if err := issuer.CheckIssuer(c.Issuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	switch {
	case c.client.ID == "":
		return errors.New("client_id: want the name that the provider knows this gateway by")
	case c.Response != ResponseCode && c.Response != ResponseFormPost:
		return fmt.Errorf("response %s: want %s or %s", c.Response, ResponseCode, ResponseFormPost)
	case !slices.Contains(c.Scope, scopeOpenID):
		return fmt.Errorf("scope %s: it must have openid, or there is no ID token", strings.Join(c.Scope, " "))
	}
	if err := contradiction(c); err != nil {
		return err
	}
	if err := checkPaths(c); err != nil {
		return err
	}
	return checkCookies(c)
}

func checkPaths(c *Callback) error {
	for option, path := range map[string]string{
		"start": c.Start, "finish": c.Finish, "redirect": c.Redirect, "sign_out": c.SignOut, "signed_out": c.SignedOut,
	} {
		isPage := option == "redirect" || option == "signed_out"
		switch {
		case path == "" && (option == "sign_out" || option == "signed_out"):
		case !refusal.IsLocalURI(path) || !isPage && strings.ContainsAny(path, "?#"):
			return fmt.Errorf("%s %q: want a path on this site that begins with /", option, path)
		}
	}
	return nil
}

// contradiction says what is wrong with the options that are set, or which of them can't stand together, or not without
// another one.
func contradiction(c *Callback) error {
	switch {
	case c.Response == ResponseFormPost && c.ClientSecret != "":
		return errors.New("client_secret: with response form_post there is no code to redeem; leave it out")
	case c.Response == ResponseFormPost && c.ClientKey != nil:
		return errors.New("client_key: with response form_post there is no code to redeem; leave it out")
	case c.ClientKey != nil && c.ClientSecret != "":
		return errors.New("client_key: the provider knows this gateway by a client_secret or by a key; leave one of them out")
	case c.AccessTokenCookie != "" && c.Audience == "":
		return errors.New("access_token_cookie: say with audience whom the access tokens must be for")
	case c.Start != "" && c.Start == c.Finish:
		return fmt.Errorf("start and finish are the same path %s", c.Start)
	case c.SignOut != "" && (c.SignOut == c.Start || c.SignOut == c.Finish):
		return fmt.Errorf("sign_out %s: that is the path of another step of the sign-in", c.SignOut)
	case c.SignedOut != "" && c.SignOut == "":
		return errors.New("signed_out: it is where sign_out leads, so say that path too")
	case c.SignedOut != "" && c.SignedOut == c.SignOut:
		return fmt.Errorf("sign_out and signed_out are the same path %s", c.SignOut)
	case c.IDTokenCookie != "" && c.IDTokenCookie == c.AccessTokenCookie:
		return fmt.Errorf("id_token_cookie %s: that is the name of another cookie of the sign-in", c.IDTokenCookie)
	case c.ForwardCookies && c.IDTokenCookie == "" && c.AccessTokenCookie == "":
		return errors.New("forward_cookies: there is neither an id_token_cookie nor an access_token_cookie to forward")
	}
	return checkRequest(c)
}

// checkRequest checks what the provider is asked.
func checkRequest(c *Callback) error {
	if c.ClientKey != nil && !slices.Contains([]string{"", audienceIssuer, audienceTokenEndpoint}, c.ClientKey.Audience) {
		return fmt.Errorf("client_key: audience %q: want %s or %s", c.ClientKey.Audience, audienceIssuer, audienceTokenEndpoint)
	}
	switch {
	case !slices.Contains([]string{"", methodBasic, methodPost}, c.ClientSecretMethod):
		return fmt.Errorf("client_secret_method %q: want %s or %s", c.ClientSecretMethod, methodBasic, methodPost)
	case c.ClientSecretMethod != "" && c.ClientSecret == "":
		return fmt.Errorf("client_secret_method %s: there is no client_secret to show", c.ClientSecretMethod)
	}
	if slices.Contains(c.Prompt, "none") && len(c.Prompt) > 1 {
		return errors.New("prompt none: it asks the provider to ask nothing, so it stands alone")
	}
	if c.MaxAge != nil {
		if age := time.Duration(*c.MaxAge); age < 0 || age%time.Second != 0 {
			return fmt.Errorf("max_age %s: want whole seconds, 0 or more", age)
		}
	}
	for option, values := range map[string][]string{"prompt": c.Prompt, "acr_values": c.ACRValues} {
		if slices.ContainsFunc(values, func(value string) bool { return value == "" || strings.ContainsAny(value, " \t\r\n") }) {
			return fmt.Errorf("%s: want values without spaces", option)
		}
	}
	for name := range c.AuthorizationParameters {
		switch {
		case name == "":
			return errors.New("authorization_parameter: want a name and a value")
		case isReserved(name):
			return fmt.Errorf("authorization_parameter %s: the sign-in sets it itself, or has an option for it", name)
		}
	}
	if err := checkSignOutParameters(c); err != nil {
		return err
	}
	for name, claim := range c.Attributes {
		if err := identity.CheckAttributeName(name); err != nil {
			return err
		}
		if claim == "" {
			return fmt.Errorf("attribute %s: want the name of a claim", name)
		}
	}
	return nil
}

func checkSignOutParameters(c *Callback) error {
	for name, value := range c.SignOutParameters {
		switch {
		case name == "" || value == "":
			return errors.New("sign_out_parameter: want a name and a value")
		case isReservedAtSignOut(name):
			return fmt.Errorf("sign_out_parameter %s: the sign-out sets it itself", name)
		case strings.Contains(strings.ReplaceAll(value, placeholderSignedOut, ""), "{"):
			return fmt.Errorf("sign_out_parameter %s %s: want no other placeholder than %s", name, value, placeholderSignedOut)
		case c.SignOut == "":
			return fmt.Errorf("sign_out_parameter %s: the provider gets it where users sign out, so say with sign_out where that is", name)
		}
	}
	return nil
}

func checkCookies(c *Callback) error {
	for option, name := range map[string]string{"id_token_cookie": c.IDTokenCookie, "access_token_cookie": c.AccessTokenCookie} {
		switch {
		case name == "":
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("%s %q: not a cookie name (RFC 6265 section 4.1.1)", option, name)
		case strings.HasPrefix(name, carrier.SignInPrefix):
			return fmt.Errorf("%s %s: that is the name of another cookie of the sign-in", option, name)
		}
	}
	return nil
}
