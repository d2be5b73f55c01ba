package jwtsession

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/access"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Issuer is an identity provider whose access tokens say who the user is, where they come in one place of the request.
// Nobody is asked and no token of ours is made for them. An access token beside another user's session authenticates
// nobody.
type Issuer struct {
	// The provider's name, exactly as its tokens have it in the claim `iss`: an https URL, or http on loopback. Required.
	URL string `json:"url"`

	// Whom the tokens must be for: the claim `aud` must name one of these. Required.
	Audiences []string `json:"audiences"`

	// The claim that says whom a token is for, in the place of `aud`, where the provider writes it into another one. It is a
	// text or a list of texts. A token that has `aud` as well must name one of the audiences there too. Default: `aud`.
	AudienceClaim string `json:"audience_claim,omitempty"`

	// The claim that names the client that a token was given to, where the provider's access tokens don't say whom they are
	// for: `client_id` at Amazon Cognito. `audiences` then lists the ids of clients. All tokens of these clients count,
	// whatever service they are for. A token that has `aud` as well must name one of `audiences` there too. It excludes
	// `audience_claim`. Default: none.
	ClientClaim string `json:"client_claim,omitempty"`

	// Where the provider's keys are. Default: where the document below `/.well-known/openid-configuration` of the URL says.
	KeysURL string `json:"jwks_url,omitempty"`

	// The place that the tokens come in. Default: `Authorization: Bearer`.
	From *app.TokenPlace `json:"from,omitempty"`

	// The claim that is the user id: one that the provider gives to one user and never to another. `email` counts only where
	// the claim `email_verified` is `true` (or the text `"true"`, which some providers write): else whoever enters an address
	// at the provider would be its owner here. Of other claims nobody tells whether users can choose them. Many providers let
	// them choose `preferred_username`, `name`, `nickname`, `upn` or `phone_number`; there, anybody can be anybody. An address
	// can also be given to somebody else later, which `sub` never is. Default: `sub`.
	UserClaim string `json:"user_claim,omitempty"`

	// The claims that become attributes of the user, by the name of the attribute. A text in the claim `scope` or `scp`
	// becomes a list of its words; no other text is split.
	Attributes map[string]string `json:"attributes,omitempty"`

	// The least time between two looks at the provider's keys for the sake of tokens that name none of them.
	// Default: `1m`.
	RefreshMin caddy.Duration `json:"refresh_min,omitempty"`

	// How long the keys are used after the provider was last reached. Default: `24h`.
	StaleMax caddy.Duration `json:"stale_max,omitempty"`

	// How far the provider's clock may differ. Default: `30s`.
	Leeway caddy.Duration `json:"leeway,omitempty"`
}

const maxLeeway = caddy.Duration(5 * time.Minute)

func (i *Issuer) prepare() error {
	option.SetDefault(&i.UserClaim, issuer.DefaultUserClaim)
	option.SetDefault(&i.RefreshMin, caddy.Duration(issuer.DefaultRefreshMin))
	option.SetDefault(&i.StaleMax, caddy.Duration(issuer.DefaultStaleMax))
	option.SetDefault(&i.Leeway, caddy.Duration(issuer.DefaultLeeway))
	if i.From == nil {
		i.From = new(app.TokenPlace)
	}
	if err := issuer.CheckIssuer(i.URL); err != nil {
		return err
	}
	if i.KeysURL != "" {
		if err := issuer.CheckAddress(i.KeysURL); err != nil {
			return fmt.Errorf("jwks_url: %w", err)
		}
	}
	if len(i.Audiences) == 0 || slices.Contains(i.Audiences, "") {
		return errors.New("audience: say whom the tokens are for, as their claim aud has it; without that the tokens of " +
			"every other service of the provider would count here")
	}
	if i.RefreshMin < 0 || i.StaleMax < 0 || i.Leeway < 0 || i.Leeway > maxLeeway {
		return fmt.Errorf("refresh_min, stale_max and leeway must be more than 0, leeway %s at most", time.Duration(maxLeeway))
	}
	if err := i.checkAudienceClaim(); err != nil {
		return err
	}
	for name := range i.Attributes {
		if err := identity.CheckAttributeName(name); err != nil {
			return err
		}
	}
	return i.From.Prepare()
}

// checkAudienceClaim looks at the claim that is read in the place of aud.
func (i *Issuer) checkAudienceClaim() error {
	option, claim := "audience_claim", i.AudienceClaim
	if i.ClientClaim != "" {
		option, claim = "client_claim", i.ClientClaim
	}
	switch {
	case i.AudienceClaim != "" && i.ClientClaim != "":
		return errors.New("audience_claim and client_claim exclude each other: one claim says whom the tokens are for")
	case claim == "aud":
		return fmt.Errorf("%s: aud is read anyway; leave the option out", option)
	case slices.Contains(noAudience, claim):
		return fmt.Errorf("%s: the claim %s does not say whom a token is for; want one such as client_id", option, claim)
	}
	return nil
}

// noAudience holds claims that say something else than whom a token is for, so that many tokens have the same value there or
// users may choose it.
var noAudience = []string{
	"iss", "sub", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "typ", "token_use", "scope", "scp", "email", "name",
	"preferred_username",
}

// rules is what the provider's tokens must say.
func (i *Issuer) rules() validator.AccessRules {
	return validator.AccessRules{
		Issuer: i.URL, Audiences: i.Audiences, AudienceClaim: cmp.Or(i.ClientClaim, i.AudienceClaim), UserClaim: i.UserClaim,
		Attributes: i.Attributes, Leeway: time.Duration(i.Leeway),
	}
}

// options is what the provider is opened with.
func (i *Issuer) options() issuer.Options {
	return issuer.Options{
		Issuer: i.URL, KeysURL: i.KeysURL, RefreshMin: time.Duration(i.RefreshMin), StaleMax: time.Duration(i.StaleMax),
	}
}

// check looks at the options as they are written.
func (i *Issuer) check() error {
	written := *i
	if i.From != nil {
		from := *i.From
		written.From = &from
	}
	if err := written.prepare(); err != nil {
		return fmt.Errorf("issuer %s: %w", option.SafeURL(i.URL), err)
	}
	return nil
}

// openProviders begins to ask the providers for their keys, so that they are there when the first token comes.
func openProviders(of *app.App, places []access.Place) error {
	for i := range places {
		if _, err := of.Provider(places[i].Provider); err != nil {
			return fmt.Errorf("opening issuer %s: %w", places[i].Provider.Issuer, err)
		}
	}
	return nil
}
