package jwtsession

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/settlement"
)

// listenerOf checks the option response_user and returns what listens to responses.
func listenerOf(header string, asker *question.Asker) (settlement.Listener, error) {
	if header == "" {
		return settlement.Listener{}, nil
	}
	name := http.CanonicalHeaderKey(header)
	if !httpguts.ValidHeaderFieldName(name) {
		return settlement.Listener{}, fmt.Errorf("response_user %q: not a header name (RFC 9110 section 5.1)", header)
	}
	folded := identity.Fold(name)
	if slices.Contains(forbiddenResponseHeaders, folded) || strings.HasPrefix(folded, "content-") {
		return settlement.Listener{}, fmt.Errorf("response_user %s: this header has a meaning of its own, and it would be removed; choose another one", name)
	}
	listener := settlement.Listener{Header: name, Nobody: defaultNobody}
	if asker != nil {
		listener.Nobody, listener.Pattern = asker.Page.Nobody, asker.Page.Pattern
	}
	return listener, nil
}

// forbiddenResponseHeaders can't name a user: browsers, caches and the server itself need them.
var forbiddenResponseHeaders = []string{
	"set-cookie", "cache-control", "age", "vary", "date", "expires", "etag", "last-modified", "location", "connection",
	"upgrade", "transfer-encoding", "trailer", "www-authenticate", "retry-after",
}

// validateResponseUser reports whether anybody can become known: where the header is the only source, a session is known
// from the first answer on, so some request must go on before.
func validateResponseUser(h *Handler) error {
	if h.ResponseUser == "" || h.Whoami != nil {
		return nil
	}
	if slices.ContainsFunc(h.Unauthenticated, func(rule *refusal.Rule) bool { return rule.Action == refusal.Pass }) {
		return nil
	}
	return fmt.Errorf("response_user %s: without whoami a session becomes known by an answer of the application, which no "+
		"request reaches; let some go on (unauthenticated [<matcher>] pass), or add whoami", h.ResponseUser)
}
