package redisstore

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage"
)

func init() {
	caddy.RegisterModule(Redis{})
}

// Redis keeps sessions, ends and revocations on a Redis (7.0 or later) or Valkey (7.2 or later) server, which several gateways
// share. A revocation on one gateway is in force on all others within a second. Each gateway keeps a copy of all revocations in
// memory and in a directory of its own, and so goes on while the server can't be reached.
//
// The server must keep what it acknowledges: set its `maxmemory-policy` to `noeviction` and its `appendonly` to `yes`. A server
// that was emptied is noticed and filled again with the revocations that the gateways know; the sessions on it are lost.
//
// Placeholders for environment variables and files are replaced in the URL, the user name, the password, and the names of the
// directory and the file.
type Redis struct {
	// The URL of the server: `redis://<host>[:<port>][/<database>]`, `rediss://` for TLS, or `unix:///<path>`. A cluster is named
	// by one of its nodes, and others in parameters `addr`; sentinels are named in the same way, with the name of the server that they
	// watch in the parameter `master_set`. Required.
	URL string `json:"url"`

	// How long this gateway goes on without a word from the server, with the revocations that it knows. It renews and makes no tokens
	// meanwhile, and answers 503 afterwards. Default: 5 minutes.
	MaxStale caddy.Duration `json:"max_stale,omitempty"`

	// The user name, where the server has an ACL. It may stand in the URL instead. Default: that of the server, `default`.
	Username string `json:"username,omitempty"`

	// The password. It may stand in the URL instead. That of a file, `{file./path}`, is read anew for each connection.
	Password string `json:"password,omitempty"`

	// What the names of all keys on the server begin with, in braces: letters, digits, and `_ . : -`. Gateways that share a server
	// have the same; another installation on the server has another. Default: `jwt_session`.
	Prefix string `json:"prefix,omitempty"`

	// How long the server may take for one answer. Default: 1 second.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The directory of this gateway's own copy, which is created if need be and must hold nothing else. No two gateways may share
	// it. Default: a directory below `jwt_session_redis` in Caddy's data directory, with a name that is made of the URL and the
	// prefix.
	Dir string `json:"dir,omitempty"`

	// How many replicas of the server must have a revocation before it is acknowledged. Fewer are an error. Default: 0.
	Replicas int `json:"replicas,omitempty"`

	// The file of the authority that signs the server's certificate, in PEM form. It needs a URL with `rediss://`. Default: the
	// authorities that the system trusts.
	TLSCA string `json:"tls_ca,omitempty"`

	address   address
	dir       string
	authority string
	trusted   *x509.CertPool
}

// Options names the options, for errors.
const Options = "max_stale, username, password, prefix, timeout, dir, replicas, tls_ca"

// CaddyModule returns the Caddy module information.
func (Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "jwt_session.stores.redis",
		New: func() caddy.Module { return new(Redis) },
	}
}

// Provision reads the options. It connects to nothing, and opens and creates nothing.
func (r *Redis) Provision(caddy.Context) error {
	option.SetDefault(&r.MaxStale, caddy.Duration(defaultMaxStale))
	option.SetDefault(&r.Timeout, caddy.Duration(defaultTimeout))
	option.SetDefault(&r.Prefix, defaultPrefix)
	if err := r.check(); err != nil {
		return fmt.Errorf("store redis: %w", err)
	}
	return nil
}

// check reads the options and returns what is wrong with one of them.
func (r *Redis) check() error {
	switch {
	case r.MaxStale <= 0:
		return fmt.Errorf("max_stale %v: want a duration above 0", time.Duration(r.MaxStale))
	case r.Timeout <= 0:
		return fmt.Errorf("timeout %v: want a duration above 0", time.Duration(r.Timeout))
	case r.Replicas < 0:
		return fmt.Errorf("replicas %d: want a number above 0, or leave it out", r.Replicas)
	case !prefixForm.MatchString(r.Prefix):
		return fmt.Errorf("prefix %q: %s", r.Prefix, wantedPrefix)
	}
	text, err := option.Expanded(r.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if r.address, err = parseURL(text); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if err := r.contradiction(r.address); err != nil {
		return err
	}
	if _, _, err := r.credentials(); err != nil {
		return err
	}
	return r.checkFiles()
}

// checkFiles reads the options that name files.
func (r *Redis) checkFiles() error {
	location, err := r.Location()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(location))
	r.dir = filepath.Join(caddy.AppDataDir(), "jwt_session_redis", hex.EncodeToString(sum[:8]))
	if r.Dir != "" {
		if r.dir, err = option.Expanded(r.Dir); err != nil || r.dir == "" {
			return fmt.Errorf("dir %q: a placeholder in it is unknown or empty", r.Dir)
		}
	}
	if r.TLSCA == "" {
		return nil
	}
	if r.authority, err = option.Expanded(r.TLSCA); err != nil {
		return fmt.Errorf("tls_ca %q: %w", r.TLSCA, err)
	}
	if r.trusted, err = readAuthority(r.authority); err != nil {
		return fmt.Errorf("tls_ca %q: %w", r.authority, err)
	}
	return nil
}

// credentials returns the user and the password as they are now.
func (r *Redis) credentials() (user, password string, err error) {
	if r.Username+r.Password == "" {
		return r.address.username, r.address.password, nil
	}
	if user, err = option.Expanded(r.Username); err != nil {
		return "", "", fmt.Errorf("username: %w", err)
	}
	if password, err = option.Expanded(r.Password); err != nil {
		return "", "", fmt.Errorf("password: %w", err)
	}
	if password == "" && r.Password != "" {
		return "", "", errors.New("password: it is empty; leave the option out for a server without one")
	}
	return user, password, nil
}

var scope = option.Declare(option.Scope{Name: "store redis", Options: Options, Around: "jwt_session", Global: true})

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	redis <url> {
//		max_stale <duration>
//		username  <text>
//		password  <text>
//		prefix    <text>
//		timeout   <duration>
//		dir       <dir>
//		replicas  <number>
//		tls_ca    <file>
//	}
func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name of the engine
	if !d.NextArg() || d.Val() == "" {
		return d.Err("store redis: want store redis <url>, such as redis://localhost:6379")
	}
	r.URL = d.Val()
	place := option.Parser{Dispenser: d}.Here()
	if d.NextArg() { // which may be a part of a password
		return d.Err("store redis: unexpected argument behind the URL; options stand in a block, and a password with spaces stands in quotes")
	}
	o := option.Parser{Dispenser: d}
	if err := o.Block(scope, func(name string) error { return r.unmarshalOption(o, name) }); err != nil {
		return err
	}
	if strings.Contains(r.URL, "{") {
		return nil // it is known when its placeholders are
	}
	parsed, err := parseURL(r.URL)
	if err != nil {
		return place.Errf("store redis: url: %v", err)
	}
	if err := r.contradiction(parsed); err != nil {
		return place.Errf("store redis: %v", err)
	}
	return nil
}

// contradiction returns which options can't stand beside the URL.
func (r *Redis) contradiction(parsed address) error {
	switch {
	case parsed.username+parsed.password != "" && r.Username+r.Password != "":
		return errors.New("username, password: they stand in the URL already; leave them out in one place")
	case r.Username != "" && r.Password == "", parsed.username != "" && parsed.password == "":
		return errors.New("username: it needs a password; set the option password")
	case r.TLSCA != "" && !parsed.tls:
		return errors.New("tls_ca: the URL is one without TLS; want rediss://")
	default:
		return nil
	}
}

func (r *Redis) unmarshalOption(o option.Parser, name string) error {
	switch name {
	case "max_stale":
		return o.Duration(&r.MaxStale)
	case "timeout":
		return o.Duration(&r.Timeout)
	case "username":
		return o.Value(&r.Username, "a user name")
	case "password":
		if !o.NextArg() || o.Val() == "" || o.Dispenser.CountRemainingArgs() > 0 {
			return o.Err("password: want one password; put quotes around one with spaces")
		}
		r.Password = o.Val()
		return nil
	case "prefix":
		if err := o.Value(&r.Prefix, wantedPrefix[len("want "):]); err != nil {
			return err
		}
		if !prefixForm.MatchString(r.Prefix) {
			return o.Errf("prefix %q: %s", r.Prefix, wantedPrefix)
		}
		return nil
	case "dir":
		return o.Value(&r.Dir, "the name of a directory")
	case "replicas":
		return o.Number(&r.Replicas)
	case "tls_ca":
		return o.Value(&r.TLSCA, "the name of a file")
	}
	return option.ErrUnknown
}

// Location returns the URL of the place, without a user and a password and in its canonical form, and the prefix.
func (r *Redis) Location() (string, error) {
	return r.address.canonical() + " " + strconv.Quote(r.Prefix), nil
}

// Options describes what is fixed while the store is open. The password of a placeholder may change.
func (r *Redis) Options() string {
	user, password := r.Username, r.Password
	if user+password == "" {
		user, password = r.address.username, r.address.password
	}
	return describe(user, password, time.Duration(r.Timeout), r.dir, r.Replicas, r.authority)
}

// StaleAfter returns how long the store may be relied on without a word from the server.
func (r *Redis) StaleAfter() time.Duration { return time.Duration(r.MaxStale) }

// Open opens this gateway's copy. It does not wait for the server, which need not be reachable. The id is of no use here: a server
// that was emptied or exchanged is noticed, and gets back what the gateways know.
func (r *Redis) Open(_ string, logger *zap.Logger) (storage.Place, error) {
	location, err := r.Location()
	if err != nil {
		return nil, err
	}
	server := r.address.option(secured(r.trusted))
	if err := credentials(r.credentials).use(&server); err != nil {
		return nil, fmt.Errorf("store redis: %w", err)
	}
	place, err := openPlace(settings{
		server: server, location: location, prefix: r.Prefix, timeout: time.Duration(r.Timeout), replicas: r.Replicas, dir: r.dir,
		logger: logger, now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("store redis: %w", err) // not place, which as an interface would be a nil that is not nil
	}
	return place, nil
}

// Interface guards.
var (
	_ caddy.Provisioner     = (*Redis)(nil)
	_ caddyfile.Unmarshaler = (*Redis)(nil)
)
