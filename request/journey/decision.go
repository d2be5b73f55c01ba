package journey

import (
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// Decision is what a `jwt_session` handler found out about a request.
type Decision struct {
	// Realm is the realm of the request.
	Realm string
	// Identity is the user. It is [identity.Nobody] where the request goes on without a user, and where it is refused.
	Identity *identity.Principal
	// Undetermined reports whether it could not be told who the request is from.
	Undetermined bool
	// Secure reports whether the response is a secure one for the browser.
	Secure bool
	// Core is the open store with the keys. It is nil if the store could not be opened.
	Core *app.Core
	// Refuser answers in the handler's way where a later module wants an identity and there is none.
	Refuser Refuser
}

// Refuser refuses a request that went on without an identity, by the handler's rules.
type Refuser interface {
	// Refuse answers the request, or returns the error that answers it.
	Refuse(w http.ResponseWriter, r *http.Request) error
	// SignInAt returns where the rules send a browser that asks for a page without an identity. It returns nothing where they
	// send it nowhere.
	SignInAt(r *http.Request) (string, error)
}
