package forward

import (
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// The memory hands out nothing that says other than the identity does now.
func TestForwardedTokenServes(t *testing.T) {
	now := time.Unix(1000, 0)
	who := identity.Principal{User: "alice", Expires: 1060, Attributes: sessions.Attributes{"role": sessions.Text("a")}}
	token := made{token: "t", attributes: who.Attributes, made: 1000, expires: 1060}
	for name, test := range map[string]struct {
		change func(*made, *identity.Principal)
		at     time.Time
		want   bool
	}{
		"as it is":           {func(*made, *identity.Principal) {}, now, true},
		"in its last second": {func(*made, *identity.Principal) {}, time.Unix(1059, 0), true},
		"over":               {func(*made, *identity.Principal) {}, time.Unix(1060, 0), false},
		"another attribute": {func(_ *made, p *identity.Principal) {
			p.Attributes = sessions.Attributes{"role": sessions.Text("b")}
		}, now, false},
		"no attribute":         {func(_ *made, p *identity.Principal) { p.Attributes = nil }, now, false},
		"a shorter life":       {func(_ *made, p *identity.Principal) { p.Expires = 1059 }, now, false},
		"a longer one":         {func(_ *made, p *identity.Principal) { p.Expires = 1090 }, time.Unix(1030, 0), true},
		"a longer one, needed": {func(_ *made, p *identity.Principal) { p.Expires = 1090 }, time.Unix(1031, 0), false},
	} {
		token, who := token, who
		test.change(&token, &who)
		if got := token.serves(&who, test.at); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestForwardMemory(t *testing.T) {
	now, who := time.Unix(1000, 0), identity.Principal{User: "alice", Expires: 1060}
	memory := newMemory(64)
	for i := range 10_000 {
		memory.put(subject{user: "alice", source: identity.Source{AuthTime: int64(i)}}, made{token: "t", expires: 1060})
	}
	if size := memory.tokens.Len(); size > 64 {
		t.Errorf("%d tokens are remembered, want 64 at most", size)
	}
	of := subject{key: "k", realm: "r", issuer: "i", audience: "a", user: "alice", source: identity.Source{Token: "j", AuthTime: 1}}
	memory.put(of, made{token: "t", expires: 1060})
	if token, ok := memory.get(of, &who, now); !ok || token != "t" {
		t.Error("it is not remembered")
	}
	for name, change := range map[string]func(*subject){
		"key": func(s *subject) { s.key = "x" }, "realm": func(s *subject) { s.realm = "x" },
		"issuer": func(s *subject) { s.issuer = "x" }, "audience": func(s *subject) { s.audience = "x" },
		"user": func(s *subject) { s.user = "x" }, "token": func(s *subject) { s.source.Token = "x" },
		"session": func(s *subject) { s.source.Session[0]++ }, "authTime": func(s *subject) { s.source.AuthTime++ },
	} {
		other := of
		change(&other)
		if _, ok := memory.get(other, &who, now); ok {
			t.Errorf("another %s gets the same token", name)
		}
	}
	var none *Memory
	none.put(of, made{})
	if _, ok := none.get(of, &who, now); ok || newMemory(0) != nil {
		t.Error("a memory that is off remembers")
	}
}
