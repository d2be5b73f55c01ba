package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Gateway is a configuration that is provisioned and serves nobody.
type Gateway struct {
	Sites []Site

	servers map[string]*caddyhttp.Server
	storage string
}

// Open provisions a configuration, given as JSON. It replaces the process' log: a process opens one. The caller calls
// [Gateway.Close].
func Open(config []byte) (*Gateway, error) {
	registered()
	storage, err := os.MkdirTemp("", "jwt-session-probe-")
	if err != nil {
		return nil, err
	}
	gateway := &Gateway{storage: storage}
	if err := gateway.provision(config); err != nil {
		return nil, errors.Join(err, gateway.Close())
	}
	return gateway, nil
}

func (g *Gateway) provision(config []byte) error {
	prepared, sites, err := prepare(config, g.storage)
	if err != nil {
		return err
	}
	if len(sites) == 0 {
		return errors.New("the configuration has no jwt_session")
	}
	g.Sites = sites
	ctx, err := caddy.ProvisionContext(prepared)
	if err != nil {
		return fmt.Errorf("the configuration is refused: %w", err)
	}
	app, err := ctx.App("http")
	if err != nil {
		return err
	}
	g.servers = app.(*caddyhttp.App).Servers
	return nil
}

// Close removes what the configuration left on disk.
func (g *Gateway) Close() error { return os.RemoveAll(g.storage) }

// Site returns the site of a realm, or the only one that asks the application if the realm is empty.
func (g *Gateway) Site(realm string) (Site, error) {
	realms := realmsOf(g.Sites)
	var found []Site
	for _, site := range g.Sites {
		if realm == "" && site.AsksApplication || realm != "" && site.Realm == realm {
			found = append(found, site)
		}
	}
	asked := slices.IndexFunc(found, func(site Site) bool { return site.AsksApplication })
	switch {
	case realm == "" && len(realms) > 1:
		return Site{}, fmt.Errorf("several realms ask an application; name one with --realm: %s", strings.Join(realms, ", "))
	case len(found) == 0 && realm == "":
		return Site{}, errors.New("no jwt_session of the configuration has a whoami page, so there is nothing to ask")
	case len(found) == 0:
		return Site{}, fmt.Errorf("--realm %s: the configuration has no such realm; those that ask an application: %s", realm,
			cmp.Or(strings.Join(realms, ", "), "none"))
	case asked < 0:
		return Site{}, fmt.Errorf("--realm %s: it has no whoami page, so there is nothing to ask", realm)
	}
	return found[asked], nil
}

// Realms returns the realms of a configuration, given as JSON, that ask an application. It provisions nothing.
func Realms(config []byte) []string {
	_, sites, err := prepare(config, "")
	if err != nil {
		return nil
	}
	return realmsOf(sites)
}

func realmsOf(sites []Site) []string {
	var realms []string
	for _, site := range sites {
		if site.AsksApplication && !slices.Contains(realms, site.Realm) {
			realms = append(realms, site.Realm)
		}
	}
	return realms
}

// address returns the address of a page of the site.
func (g *Gateway) address(site Site) *url.URL {
	page := &url.URL{Scheme: "http", Host: cmp.Or(site.host, "localhost"), Path: cmp.Or(site.path, "/")}
	if server := g.servers[site.server]; server != nil && len(server.TLSConnPolicies) > 0 {
		page.Scheme = "https"
	}
	if port := g.port(site); port != "" && port != map[string]string{"http": "80", "https": "443"}[page.Scheme] {
		page.Host = net.JoinHostPort(page.Host, port)
	}
	return page
}

// port returns the port that the site's server would listen on, or nothing if it has none.
func (g *Gateway) port(site Site) string {
	server := g.servers[site.server]
	if server == nil || len(server.Listen) == 0 {
		return ""
	}
	address, err := caddy.ParseNetworkAddress(server.Listen[0])
	if err != nil || address.IsUnixNetwork() || address.IsFdNetwork() || address.StartPort == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(address.StartPort), 10)
}

// send sends one GET request without a cookie through the site's server, for the sake of the visit.
func (g *Gateway) send(ctx context.Context, site Site, page *url.URL, of *visit) error {
	server := g.servers[site.server]
	if server == nil {
		return fmt.Errorf("the configuration has no server %s", site.server)
	}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	ctx = context.WithValue(withVisit(ctx, of), http.LocalAddrContextKey, net.Addr(local))
	ctx = context.WithValue(ctx, http.ServerContextKey, new(http.Server))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.RequestURI, request.RemoteAddr = page.RequestURI(), "127.0.0.1:1"
	request.Header.Set("User-Agent", "caddy-jwt-session probe")
	if page.Scheme == "https" {
		request.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: page.Hostname()}
	}
	answer := &nowhere{header: make(http.Header)}
	server.ServeHTTP(answer, request)
	if !of.reached {
		return fmt.Errorf("a request for %s does not reach jwt_session %s (it is answered with %d before); name a page behind it "+
			"with --page", page, site.Realm, answer.status)
	}
	return nil
}

// nowhere is a response that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header { return n.header }

func (n *nowhere) Write(text []byte) (int, error) {
	n.WriteHeader(http.StatusOK)
	return len(text), nil
}

func (n *nowhere) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
}
