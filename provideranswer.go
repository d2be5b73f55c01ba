package jwtsession

import (
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/realm"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
)

// isProviderAnswer says whether the request is the form that a provider lets the browser send to a callback of the realm,
// which comes from another site by its nature. The state and its cookie guard it. It matters where the callback is behind
// the realm's handler.
func isProviderAnswer(names *app.Names, r *http.Request, of realm.Pattern) bool {
	return r.Method == http.MethodPost && slices.ContainsFunc(names.SignIns(), func(one app.SignInNames) bool {
		return one.FormPostPath != "" && of.Matches(one.Realm) && journey.IsAt(r, one.FormPostPath)
	})
}
