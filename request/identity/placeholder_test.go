package identity

import (
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func userWithRole(user, role string) *Principal {
	who := NewPrincipal(user, sessions.Attributes{"role": sessions.Text(role)}, ViaToken)
	return &who
}

// What is shown is that of the last handler, and counts before what other modules have set until then.
func TestShown(t *testing.T) {
	repl, shown, realm := caddy.NewReplacer(), new(Shown), "shop"
	const all = "{http.auth.user.id} {http.auth.user.role} {http.jwt_session.realm} {http.jwt_session.via} {http.jwt_session.reason}"
	expect := func(step, want string) {
		t.Helper()
		if got := repl.ReplaceAll(all, "-"); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
	}
	repl.Set("http.auth.user.id", "mallory")
	repl.Set("http.auth.user.role", "king")
	shown.Clear(repl)
	expect("another module named a user", "- king - none -")
	shown.SetRealm(&realm)
	shown.SetUser(userWithRole("alice", "clerk"))
	expect("a user", "alice clerk shop token -")
	repl.Set("http.auth.user.id", "bob")
	expect("another module names a user behind it", "bob clerk shop token -")
	shown.Clear(repl)
	shown.SetReason("session_unknown")
	expect("nobody", "- - - none session_unknown")
	shown.SetUser(userWithRole("carol", "guest"))
	expect("another user", "carol guest - token session_unknown")
	other := caddy.NewReplacer()
	shown.Clear(other)
	expect("another replacer", "- - - none -")
	if got, ok := other.Get("http.jwt_session.via"); got != ViaNone || !ok {
		t.Errorf("the other replacer finds %v, %v", got, ok)
	}
	nobodys := caddy.NewReplacer()
	ShowNobody(nobodys)
	for _, one := range []*caddy.Replacer{other, nobodys} {
		for _, name := range []string{"http.jwt_session.realm", "http.jwt_session.reason", "http.auth.user.role", "http.auth.user.rol"} {
			if got, ok := one.Get(name); got != "" || !ok {
				t.Errorf("without a value %s is %v, %v", name, got, ok)
			}
		}
		for _, name := range []string{"http.auth.user.id", "http.auth.user."} {
			if got, ok := one.Get(name); ok {
				t.Errorf("%s is %v", name, got)
			}
		}
	}
	if got, ok := nobodys.Get("http.jwt_session.via"); got != ViaNone || !ok {
		t.Errorf("nobody comes by %v, %v", got, ok)
	}
	for _, name := range []string{"http.jwt_session.", "http.jwt_session.realms", "http.auth.user.", "http.auth.users", "jwt_session.via", ""} {
		if got, ok := repl.Get(name); ok {
			t.Errorf("%q is %v", name, got)
		}
	}
}

// Nobody looks up half of an identity, whenever it is.
func TestShownWhileItChanges(t *testing.T) {
	repl, shown := caddy.NewReplacer(), new(Shown)
	shown.Clear(repl)
	users := []*Principal{userWithRole("alice", "alice"), userWithRole("bob", "bob")}
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, name := range []string{"http.auth.user.id", "http.auth.user.role", "http.jwt_session.reason", "http.jwt_session.realm"} {
					if got, ok := repl.Get(name); ok && got != "alice" && got != "bob" && got != "" {
						t.Errorf("%s is %v", name, got)
					}
				}
			}
		})
	}
	for i := range 2000 {
		who := users[i%2]
		shown.SetRealm(&who.User)
		shown.SetUser(who)
		shown.SetReason(who.User)
		shown.Clear(repl)
	}
	close(done)
	group.Wait()
}
