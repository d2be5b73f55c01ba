package callback

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

func init() { httpcaddyfile.RegisterHandlerDirective("jwt_session_callback", parseCallback) }

const Options = "issuer, client_id, client_secret, audience, scope, start, finish, redirect, response, " +
	"id_token_cookie, access_token_cookie"

// parseCallback reads the directive. Syntax:
//
//	jwt_session_callback [<matcher>] <realm> {
//		issuer              <url>
//		client_id           <id>
//		client_secret       <secret>
//		audience            <audience>
//		scope               <scope...>
//		start               <path>
//		finish              <path>
//		redirect            <path>
//		response            code|form_post
//		id_token_cookie     <name>
//		access_token_cookie <name>
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
		"issuer": &callback.Issuer, "client_id": &callback.ClientID, "client_secret": &callback.ClientSecret,
		"audience": &callback.Audience, "start": &callback.Start, "finish": &callback.Finish, "redirect": &callback.Redirect,
		"id_token_cookie":     &callback.IDTokenCookie,
		"access_token_cookie": &callback.AccessTokenCookie,
	}
	err := parser.Block("jwt_session_callback", Options, func(name string) error {
		if into, ok := texts[name]; ok {
			return parser.Text(into)
		}
		switch name {
		case "scope":
			return parser.Texts(&callback.Scope)
		case "response":
			return parser.OneOf(&callback.Response, ResponseCode, ResponseFormPost)
		}
		return option.ErrUnknown
	})
	if err != nil {
		return nil, err
	}
	if err := callback.contradiction(); err != nil {
		return nil, place.WrapErr(callback.named(err))
	}
	return callback, nil
}
