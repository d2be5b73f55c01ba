package app

import (
	"slices"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
)

// A session that a sign-in opens is good on every route of its realm: it has the attributes that any of them needs, not
// those of the first route alone.
func TestCallbackReadsWhatAnyRouteOfTheRealmNeeds(t *testing.T) {
	var configured Names
	for _, route := range []struct {
		realm string
		needs []string
	}{{"shop", nil}, {"shop", []string{"name", "role"}}, {"other", []string{"age"}}, {"sh{host}", []string{"name", "mail"}}} {
		parsed, err := realm.Parse(route.realm)
		if err != nil {
			t.Fatal(err)
		}
		configured.sites = append(configured.sites, &Site{Realm: parsed, Needs: route.needs})
	}
	if got, want := configured.AttributesOf("shop"), []string{"mail", "name", "role"}; !slices.Equal(got, want) {
		t.Errorf("a session gets %q, want %q", got, want)
	}
}
