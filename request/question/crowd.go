package question

import (
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/policy"
)

// warnOfCrowd says in the log that many sessions of one client address wait for their turn to be asked about. Where a balancer
// stands before the gateway, which takes its address for that of everybody, all users do.
func warnOfCrowd(p *policy.Policy, r *http.Request, client string, waiting int) {
	message := "many sessions wait for the application to be asked about them, since their requests come from one client address, " +
		"and max_per_client questions at a time are for one: where a load balancer, CDN or other proxy passes the requests on, " +
		"name it in trusted_proxies (in the global option servers), so that each client's own address counts; where many users " +
		"do share an address, raise max_per_client"
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		message = "many sessions wait for the application to be asked about them, since a proxy of trusted_proxies names one client " +
			"address for all of them, and max_per_client questions at a time are for one: where another proxy stands before it, " +
			"name that in trusted_proxies as well, or look at client_ip_headers; where many users do share an address, raise " +
			"max_per_client"
	}
	p.Warn(message, zap.Int("waiting", waiting), zap.String("client_address", kindOf(client)),
		zap.Bool("forwarded", isForwarded(r.Header)))
}

// isForwarded reports whether the request says itself that a proxy passed it on.
func isForwarded(header http.Header) bool {
	return len(header["X-Forwarded-For"]) > 0 || len(header["Forwarded"]) > 0
}

// carrierNetwork is for addresses that many customers of a provider share (RFC 6598).
var carrierNetwork = netip.MustParsePrefix("100.64.0.0/10")

// kindOf returns what kind of an address it is. The address itself is a person's, unless it is a proxy's.
func kindOf(client string) string {
	address, err := netip.ParseAddr(client)
	switch address = address.Unmap(); {
	case err != nil:
		return "unknown"
	case address.IsLoopback():
		return "loopback"
	case address.IsPrivate():
		return "private"
	case address.IsLinkLocalUnicast():
		return "link-local"
	case carrierNetwork.Contains(address):
		return "carrier"
	default:
		return "public"
	}
}
