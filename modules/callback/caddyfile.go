package callback

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterHandlerDirective("jwt_session_callback", parseCallback) }

const Options = "issuer, client_id, client_secret, client_key, audience, scope, user_claim, attribute, prompt, max_age, " +
	"acr_values, authorization_parameter, start, finish, redirect, response, id_token_cookie, access_token_cookie, " +
	"forward_cookies, sign_out, signed_out, sign_out_parameter"

var scope = option.Declare(option.Scope{Name: "jwt_session_callback", Options: Options})

// parseCallback reads the directive. Syntax:
//
//	jwt_session_callback [<matcher>] <realm> {
//		issuer              <url>
//		client_id           <id>
//		client_secret       <secret> [basic|post]
//		client_key          file <path> [issuer|token_endpoint]
//		audience            <audience>
//		scope               <scope...>
//		user_claim          <claim>
//		attribute           <name> <claim>
//		prompt              <value...>
//		max_age             <duration>
//		acr_values          <value...>
//		authorization_parameter <name> <value>
//		start               <path>
//		finish              <path>
//		redirect            <path>
//		response            code|form_post
//		id_token_cookie     <name>
//		access_token_cookie <name>
//		forward_cookies
//		sign_out            <path>
//		signed_out          <path>
//		sign_out_parameter  <name> <value>
//	}
func parseCallback(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	callback := new(Callback)
	helper.Next() // the directive's own name
	if !helper.Args(&callback.Realm) {
		return nil, helper.Err("want the name of a realm: jwt_session_callback [<matcher>] <realm>")
	}
	parser := option.Parser{Dispenser: helper.Dispenser}
	if err := parser.End(); err != nil {
		return nil, err
	}
	place := parser.Here()
	texts := map[string]*string{
		"issuer": &callback.Issuer, "client_id": &callback.ClientID,
		"audience": &callback.Audience, "start": &callback.Start, "finish": &callback.Finish, "redirect": &callback.Redirect,
		"id_token_cookie":     &callback.IDTokenCookie,
		"access_token_cookie": &callback.AccessTokenCookie,
		"user_claim":          &callback.UserClaim, "sign_out": &callback.SignOut, "signed_out": &callback.SignedOut,
	}
	err := parser.Block(scope, func(name string) error {
		if into, ok := texts[name]; ok {
			return parser.Text(into)
		}
		switch name {
		case "client_secret":
			return parseClientSecret(parser, callback)
		case "client_key":
			return parseClientKey(parser, &callback.ClientKey)
		case "attribute":
			return parsePair(parser, &callback.Attributes, "an attribute and a claim")
		case "authorization_parameter":
			return parsePair(parser, &callback.AuthorizationParameters, "a name and a value")
		case "sign_out_parameter":
			return parsePair(parser, &callback.SignOutParameters, "a name and a value")
		case "max_age":
			return parseMaxAge(parser, &callback.MaxAge)
		case "prompt":
			return parser.Words(&callback.Prompt)
		case "acr_values":
			return parser.Words(&callback.ACRValues)
		case "forward_cookies":
			callback.ForwardCookies = true
			return parser.End()
		case "scope":
			return parser.Words(&callback.Scope)
		case "response":
			return parser.OneOf(&callback.Response, ResponseCode, ResponseFormPost)
		}
		return option.ErrUnknown
	}, "attribute", "authorization_parameter", "sign_out_parameter")
	if err != nil {
		return nil, err
	}
	if err := contradiction(callback); err != nil {
		return nil, place.WrapErr(callback.named(err))
	}
	return callback, nil
}

// parsePair reads a name and what it stands for. A name may be given once.
func parsePair(parser option.Parser, into *map[string]string, wanted string) error {
	of := parser.Val()
	var name, value string
	if !parser.Args(&name, &value) || name == "" || value == "" {
		return parser.Errf("%s: want %s", of, wanted)
	}
	if err := parser.End(); err != nil {
		return err
	}
	if _, given := (*into)[name]; given {
		return parser.Errf("%s %s is given twice", of, name)
	}
	if *into == nil {
		*into = make(map[string]string)
	}
	(*into)[name] = value
	return nil
}

// parseClientSecret reads the secret and, optionally, how it is shown. Its errors repeat nothing: what is wrong may be a part of
// the secret.
func parseClientSecret(parser option.Parser, callback *Callback) error {
	const wanted = "client_secret: want client_secret <secret> [basic|post]; put quotes around a secret with spaces"
	switch args := parser.RemainingArgs(); {
	case len(args) == 1 && args[0] != "":
		callback.ClientSecret = args[0]
	case len(args) == 2 && args[0] != "" && (args[1] == methodBasic || args[1] == methodPost):
		callback.ClientSecret, callback.ClientSecretMethod = args[0], args[1]
	default:
		return parser.Err(wanted)
	}
	return nil
}

// parseClientKey reads where the key is and, optionally, whom it is for.
func parseClientKey(parser option.Parser, into **ClientKey) error {
	var kind string
	key := new(ClientKey)
	if !parser.Args(&kind, &key.File) || kind != "file" || key.File == "" {
		return parser.Err("client_key: want client_key file <path> [issuer|token_endpoint]")
	}
	if parser.NextArg() {
		key.Audience = parser.Val()
	}
	*into = key
	return parser.End()
}

// parseMaxAge reads a duration that may be 0.
func parseMaxAge(parser option.Parser, into **caddy.Duration) error {
	var text string
	if err := parser.Text(&text); err != nil {
		return err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil {
		return parser.Errf("max_age %s: want a duration such as 0s, 5m or 1h", text)
	}
	age := caddy.Duration(duration)
	*into = &age
	return nil
}
