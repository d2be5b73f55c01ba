package chain

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Credential is what requests come with.
type Credential string

// What requests come with.
const (
	Nothing Credential = "nothing"
	Session Credential = "session" // the session cookie alone
	Token   Credential = "token"   // and the token cookie of that session
	Garbage Credential = "garbage" // a token cookie alone, of no token
	Forged  Credential = "forged"  // a token cookie alone, of a token whose signature is not ours
	Rolling Credential = "rolling" // the cookies that the answer before has set
)

// Spec is one chain and what it is sent.
type Spec struct {
	// Dir is the directory of the gateway. It is made if need be. What it holds stays for the next time.
	Dir string
	// Handler is the line or the block of the handler that is measured. A bare chain has none, or bench_nothing. {dir} stands for the
	// directory of its store, which is made if need be.
	Handler string
	// Options are inside the global option jwt_session, besides the store.
	Options string
	// Behind is what stands behind the handler. Default: the application's whoami page, and `respond` for all else.
	Behind string
	// Listen is the address and port to listen on. Default: a socket in Dir, which nobody uses.
	Listen string
	// Admin is the address of the admin endpoint. Default: none.
	Admin string
	// With is what requests come with.
	With Credential
	// Answers is the status of the answers.
	Answers int
	// Sets says whether each answer brings a token.
	Sets bool
	// Users is how many users send requests, in turn. Their numbers are so far apart.
	Users, Apart int
	// Revoked is how many revocations are in force.
	Revoked int
	// OnDisk says whether the store must have the users' sessions in tables.
	OnDisk bool
	// Ballast is how many bytes the heap holds besides, so that the garbage is collected equally often in all chains.
	Ballast int
	// Time is how long requests are sent.
	Time time.Duration
}

const (
	plain  = "bench_application /whoami\nrespond ok"
	rolled = "bench_application rolls"
)

func (s Spec) store() string { return filepath.Join(s.Dir, "store") }

// bare reports whether no handler tells users apart.
func (s Spec) bare() bool { return s.Handler == "" || s.Handler == "bench_nothing" }

// ours reports whether the handler is the gateway.
func (s Spec) ours() bool { return strings.HasPrefix(s.Handler, "jwt_session ") }

func (s Spec) caddyfile() string {
	admin, app, behind := "admin off", "", s.Behind
	if s.Admin != "" {
		admin = "admin " + s.Admin
	}
	if s.ours() {
		app = fmt.Sprintf("jwt_session {\nstore badger %q\n%s\n}", s.store(), s.Options)
	}
	switch {
	case behind != "":
	case s.With == Rolling:
		behind = rolled
	default:
		behind = plain
	}
	site := fmt.Sprintf("http:// {\nbind unix/%s\n%%s}\n", filepath.Join(s.Dir, "socket"))
	if s.Listen != "" {
		host, port, _ := strings.Cut(s.Listen, ":")
		site = fmt.Sprintf("http://:%s {\nbind %s\n%%s}\n", port, host)
	}
	route := fmt.Sprintf("route {\n%s\n%s\n}\n", strings.ReplaceAll(s.Handler, "{dir}", fmt.Sprintf("%q", s.store())), behind)
	return fmt.Sprintf("{\n%s\npersist_config off\nauto_https off\nstorage file_system %q\nlog {\noutput discard\n}\n%s\n}\n",
		admin, filepath.Join(s.Dir, "storage"), app) + fmt.Sprintf(site, route)
}
