package app

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("jwt_session", parseGlobalOption)
}

// GlobalOptions names the options of the global option, for errors.
const GlobalOptions = "store, algorithm, rotate_every, key_delay, key, token_cache, revoked_for"

var globalScope = option.Declare(option.Scope{Name: "jwt_session", Options: GlobalOptions, Global: true})

// parseGlobalOption reads the global option into the app's JSON.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // so that the error names the line
		return nil, d.Err("the global option jwt_session is given twice")
	}
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "jwt_session", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile reads the global option. Syntax:
//
//	jwt_session {
//		store        <engine> [<args...>]
//		algorithm    HS256|ES256|EdDSA|RS256
//		rotate_every <duration>
//		key_delay    <duration>
//		key          secret <base64>|file <path>
//		token_cache  <entries>|off
//		revoked_for  <duration>
//	}
//
// The engine is badger [<dir>] or redis <url>, which has options of its own. key may be repeated, and can't stand beside
// algorithm, rotate_every and key_delay.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	parser := option.Parser{Dispenser: d}
	d.Next() // the option's own name
	if err := parser.End(); err != nil {
		return err
	}
	return parser.Block(globalScope, func(name string) error {
		switch name {
		case "store":
			return a.unmarshalStore(d)
		case "algorithm", "rotate_every", "key_delay":
			return a.unmarshalKeyRotation(parser)
		case "key":
			return a.unmarshalKey(parser)
		case "token_cache":
			return a.unmarshalTokenCache(parser)
		case "revoked_for":
			return parser.Duration(&a.RevokedFor)
		}
		return option.ErrUnknown
	}, "key")
}

func (a *App) unmarshalStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("want store badger [<dir>] or store redis <url>")
	}
	engine := d.Val()
	if strings.Contains(engine, ":") { // a URL, which may hold a password
		return d.Err("store: the engine's name stands before the URL; want store redis <url>")
	}
	if _, err := caddy.GetModule("jwt_session.stores." + engine); err != nil {
		return d.Errf("store %s: there is no such engine; want badger or redis%s", engine,
			option.DidYouMean(engine, "badger", "redis"))
	}
	module, err := caddyfile.UnmarshalModule(d, "jwt_session.stores."+engine)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "engine", engine, nil)
	return nil
}

func (a *App) unmarshalKey(o option.Parser) error {
	if a.KeyRotation != nil {
		return o.WrapErr(errKeysTwice)
	}
	var kind, value string
	if !o.Args(&kind, &value) || kind != "secret" && kind != "file" || kind == "file" && value == "" {
		return o.Err("want key secret <base64> or key file <path>")
	}
	source := KeySource{Secret: value}
	if kind == "file" {
		source = KeySource{File: value}
	}
	a.Keys = append(a.Keys, source)
	if kind == "secret" && o.NextArg() { // which may be a part of it
		return o.Err("key: unexpected argument behind the secret; put quotes around one with spaces")
	}
	return o.End()
}

func (a *App) unmarshalKeyRotation(o option.Parser) error {
	if len(a.Keys) > 0 {
		return o.WrapErr(errKeysTwice)
	}
	if a.KeyRotation == nil {
		a.KeyRotation = new(KeyRotation)
	}
	switch o.Val() {
	case "algorithm":
		if err := o.Value(&a.KeyRotation.Algorithm, "HS256, ES256, EdDSA or RS256"); err != nil {
			return err
		}
		if _, err := validator.ParseAlgorithm(a.KeyRotation.Algorithm); err != nil {
			return o.Errf("algorithm: %w%s", err, option.DidYouMean(a.KeyRotation.Algorithm, "HS256", "ES256", "EdDSA", "RS256"))
		}
		return nil
	case "rotate_every":
		if err := o.Duration(&a.KeyRotation.RotateEvery); err != nil {
			return err
		}
	default:
		if err := o.Duration(&a.KeyRotation.KeyDelay); err != nil {
			return err
		}
	}
	if err := a.KeyRotation.contradiction(); err != nil {
		return o.WrapErr(err)
	}
	return nil
}

func (a *App) unmarshalTokenCache(o option.Parser) error {
	var text string
	const wanted = "a number of tokens above 0, or off"
	if err := o.Value(&text, wanted); err != nil {
		return err
	}
	entries := 0
	if text != "off" {
		var err error
		if entries, err = strconv.Atoi(text); err != nil || entries <= 0 {
			return o.Errf("token_cache %s: want %s", text, wanted)
		}
	}
	a.TokenCache = &entries
	return nil
}

// Interface guards.
var (
	_ caddyfile.Unmarshaler = (*App)(nil)
)
