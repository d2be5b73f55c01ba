package whoami

import (
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// ownPlaceholders begin the names that are never looked up in the visitor's request: those that speak of the request or
// the response at hand, which the question has of its own, and those of an identity, which the question is to find out.
var ownPlaceholders = []string{
	"http.request.", "http.response.", "http.vars.", "http.reverse_proxy.", "http.auth.user.", "http.jwt_session.",
}

// placeholders lends the question those of the visitor's request that modules before this one have defined (map,
// regular expressions), until the visitor's handler goes on: from then on they belong to another goroutine.
type placeholders struct {
	mutex   sync.RWMutex
	visitor *caddy.Replacer
	missed  bool
}

// lookUp is a [caddy.ReplacerFunc].
func (p *placeholders) lookUp(name string) (any, bool) {
	for _, prefix := range ownPlaceholders {
		if strings.HasPrefix(name, prefix) {
			return nil, false
		}
	}
	p.mutex.RLock()
	if p.visitor != nil {
		defer p.mutex.RUnlock()
		return p.visitor.Get(name)
	}
	p.mutex.RUnlock()

	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.missed = true
	return nil, false
}

// close waits for the look-ups that are under way and lets no other one happen.
func (p *placeholders) close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.visitor = nil
}

// wereMissed reports whether a placeholder was needed after close: the route may then have led elsewhere.
func (p *placeholders) wereMissed() bool {
	p.mutex.RLock()
	defer p.mutex.RUnlock()
	return p.missed
}
