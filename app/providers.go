package app

import (
	"errors"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/registry"
)

// openProviders holds the identity providers of this process. Their keys outlive a reload, even one during an outage.
var openProviders registry.Registry[openProvider]

// newestProviders holds the provider that was opened last under each name, as long as it is open. A provider with other
// durations is another one, and takes over the keys of the one before: an operator raises stale_max while the provider is out of
// reach.
var newestProviders sync.Map

// openProvider is a provider that may outlive the configuration that names it first.
type openProvider struct {
	*issuer.Provider

	name string // in newestProviders
}

// Close closes the provider. One that is opened later knows nothing of it.
func (p openProvider) Close() error {
	newestProviders.CompareAndDelete(p.name, p.Provider)
	return p.Provider.Close()
}

// providers are the identity providers of one configuration. The zero value is ready to use.
type providers struct {
	mutex  sync.Mutex
	known  map[string]*issuer.Provider
	leases []*registry.Lease[openProvider]
	closed bool
}

// get returns the provider that is opened with the options. See [App.Provider].
func (p *providers) get(options issuer.Options) (*issuer.Provider, error) {
	key := fmt.Sprintf("%s\n%s\n%s\n%s", options.Issuer, options.KeysURL, options.RefreshMin, options.StaleMax)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if provider := p.known[key]; provider != nil {
		return provider, nil
	}
	if p.closed {
		return nil, errAppClosed
	}
	lease, err := openProviders.Acquire(key, "", func() (openProvider, error) { return open(options), nil })
	if err != nil {
		return nil, err
	}
	if p.known == nil {
		p.known = make(map[string]*issuer.Provider)
	}
	p.known[key], p.leases = lease.Value().Provider, append(p.leases, lease)
	return p.known[key], nil
}

// open opens a provider.
func open(options issuer.Options) openProvider {
	logger := caddy.Log().Named("jwt_session.issuer")
	options.Report = func(err error) {
		logger.Warn("the identity provider can't be asked; keys that are known go on for a while", zap.Error(err))
	}
	name := options.Issuer + "\n" + options.KeysURL
	if before, ok := newestProviders.Load(name); ok {
		options.Before = before.(*issuer.Provider)
	}
	provider := issuer.Open(options)
	newestProviders.Store(name, provider)
	return openProvider{provider, name}
}

// release gives all leases back. Requests that are still under way go on with the keys that are known.
func (p *providers) release() error {
	p.mutex.Lock()
	leases := p.leases
	p.leases, p.closed = nil, true
	p.mutex.Unlock()
	var failed error
	for _, lease := range leases {
		failed = errors.Join(failed, lease.Release())
	}
	return failed
}
