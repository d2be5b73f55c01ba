package chain

import (
	"runtime"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
)

// Served is what is to be known of a chain that others send requests to.
type Served struct {
	// Cookies are the Cookie headers of the users' requests.
	Cookies []string
}

// Usage is what a chain has used so far.
type Usage struct{ CPU time.Duration }

// Serve serves a chain to other processes. It is a role: the first question is the [Spec], which is answered with [Served]. Each
// one that follows is empty, and answered with [Usage].
func Serve(talk *process.Talk) error {
	var spec Spec
	if _, err := talk.Next(&spec); err != nil {
		return err
	}
	_, jars, err := prepare(spec)
	if err != nil {
		return err
	}
	ballast := make([]byte, spec.Ballast)
	defer runtime.KeepAlive(ballast)
	served := Served{Cookies: make([]string, len(jars))}
	for i, one := range jars {
		served.Cookies[i] = spec.cookies(one)
	}
	if err := talk.Say(served); err != nil {
		return err
	}
	for {
		var empty struct{}
		more, err := talk.Next(&empty)
		if err != nil {
			return err
		}
		if !more {
			return caddy.Stop()
		}
		used, err := process.CPU()
		if err != nil {
			return err
		}
		if err := talk.Say(Usage{used}); err != nil {
			return err
		}
	}
}
