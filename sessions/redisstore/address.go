package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// defaultPort is the port of a server whose address names none.
const defaultPort = "6379"

// wantedURL is what errors of a URL ask for.
const wantedURL = "want redis://<host>, rediss://<host> for TLS, or unix:///<path>"

// address is where a store is: what its URL says.
type address struct {
	hosts    []string // with ports; those of the sentinels if there is a masterSet
	socket   string   // instead of hosts
	tls      bool
	database int
	// masterSet is what sentinels call the server. "" means that there are no sentinels.
	masterSet          string
	username, password string
}

// parseURL reads a URL. It has the form of redis://[[<user>]:<password>@]<host>[:<port>][/<database>]. The parameter addr adds a
// host, for a cluster or for sentinels, and the parameter master_set names the server that sentinels watch. The errors repeat
// nothing that may be a part of a password.
func parseURL(text string) (address, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return address{}, errors.New("it is no URL; " + wantedURL +
			"; write signs such as / and # in a password as %2F and %23, or use the option password")
	}
	if parsed.Opaque != "" || parsed.Fragment != "" || strings.HasSuffix(text, "#") {
		return address{}, errors.New("it is no URL of a server; " + wantedURL)
	}
	var a address
	a.username = parsed.User.Username()
	a.password, _ = parsed.User.Password()
	switch parsed.Scheme {
	case "redis", "valkey":
	case "rediss", "valkeys":
		a.tls = true
	case "unix":
		return a.unix(parsed)
	default:
		return address{}, errors.New("its scheme is none of these; " + wantedURL)
	}
	if err := a.setHosts(parsed); err != nil {
		return address{}, err
	}
	if err := a.setDatabase(strings.TrimPrefix(parsed.Path, "/")); err != nil {
		return address{}, err
	}
	if len(a.hosts) > 1 && a.masterSet == "" && a.database != 0 {
		return address{}, errors.New("a cluster has the database 0 alone; leave the database out, or name the server of the sentinels by master_set")
	}
	return a, nil
}

// unix reads the URL of a Unix socket, such as unix:///run/redis/redis.sock?db=1.
func (a address) unix(parsed *url.URL) (address, error) {
	a.socket = path.Clean(parsed.Path)
	if parsed.Host != "" || !path.IsAbs(a.socket) || a.socket == "/" {
		return address{}, errors.New("it names no socket; want unix:/// and the path from the root")
	}
	query, err := parameters(parsed, "db")
	if err != nil {
		return address{}, err
	}
	return a, a.setDatabase(one(query["db"]))
}

// setHosts reads the hosts and the name of the master.
func (a *address) setHosts(parsed *url.URL) error {
	query, err := parameters(parsed, "addr", "master_set")
	if err != nil {
		return err
	}
	if names, given := query["master_set"]; given {
		if a.masterSet = one(names); a.masterSet == "" {
			return errors.New("its parameter master_set is empty; want the name by which the sentinels know the server")
		}
	}
	for _, host := range append([]string{parsed.Host}, query["addr"]...) {
		full, err := hostWithPort(host)
		if err != nil {
			return err
		}
		if !slices.Contains(a.hosts, full) {
			a.hosts = append(a.hosts, full)
		}
	}
	return nil
}

// parameters returns the parameters of a URL. All but addr are given once.
func parameters(parsed *url.URL, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return nil, errors.New("its parameters can't be read; want " + strings.Join(known, ", "))
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("its parameter %q is not known; want %s", name, strings.Join(known, ", "))
		}
		if name != "addr" && len(values) > 1 {
			return nil, fmt.Errorf("its parameter %s is given twice", name)
		}
	}
	return query, nil
}

func one(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// hostWithPort returns the host in lower case with its port. A port that is not there is the default one.
func hostWithPort(text string) (string, error) {
	parsed := url.URL{Host: text}
	host, port := strings.ToLower(parsed.Hostname()), parsed.Port()
	if port == "" {
		port = defaultPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if given := strings.ToLower(text); err != nil || number == 0 || !isHost(host) || given != bracketed(host) && given != bracketed(host)+":"+port {
		return "", errors.New("it names no host, or no port between 1 and 65535; " + wantedURL)
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// isHost reports whether the text, in lower case, is an IP address or a name.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// bracketed returns the host as it stands before a port.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (a *address) setDatabase(text string) error {
	if text == "" {
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("its database is no number; want a number of 0 or more, or leave it out")
	}
	a.database = int(number)
	return nil
}

// canonical returns the URL without the user and the password. Two URLs of one place have the same.
func (a address) canonical() string {
	if a.socket != "" {
		canonical := url.URL{Scheme: "unix", Path: a.socket}
		if a.database != 0 {
			canonical.RawQuery = "db=" + strconv.Itoa(a.database)
		}
		return canonical.String()
	}
	hosts := slices.Sorted(slices.Values(a.hosts))
	canonical := url.URL{Scheme: "redis", Host: hosts[0]}
	if a.tls {
		canonical.Scheme = "rediss"
	}
	if a.database != 0 {
		canonical.Path = "/" + strconv.Itoa(a.database)
	}
	query := url.Values{}
	for _, host := range hosts[1:] {
		query.Add("addr", host)
	}
	if a.masterSet != "" {
		query.Set("master_set", a.masterSet)
	}
	canonical.RawQuery = query.Encode()
	return canonical.String()
}

// option returns how to connect. The configuration is for TLS and may be nil.
func (a address) option(secured *tls.Config) rueidis.ClientOption {
	option := rueidis.ClientOption{
		InitAddress: a.hosts, SelectDB: a.database, Username: a.username, Password: a.password,
		Sentinel: rueidis.SentinelOption{MasterSet: a.masterSet},
	}
	if a.socket != "" {
		option.InitAddress = []string{a.socket}
		option.DialCtxFn = func(ctx context.Context, socket string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	if a.tls {
		option.TLSConfig, option.Sentinel.TLSConfig = secured, secured
	}
	return option
}
