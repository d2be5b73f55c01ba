package journey

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Journey is one request on its way through the modules. It belongs to the goroutine that serves the request.
type Journey struct {
	// Cookies holds the Cookie lines as the client sent them, without the tokens that stood beside session ids.
	Cookies []string
	// Carried holds the tokens that stood beside session ids, by the name of the cookie.
	Carried validator.Cookies
	// Authorization holds the Authorization lines as the client sent them.
	Authorization []string
	// Preflight reports whether the request goes on undecided, and bare of all that could decide it.
	Preflight bool
	// Exchanges is what the package exchange keeps with the journey.
	Exchanges any

	// Shown is what the placeholders of the request show.
	Shown identity.Shown

	last *Decision
	line [1]string // what nearly every request does with, so that it is one piece of memory
}

// variable is where the variables of a request hold its journey.
const variable = "jwt_session.journey"

// Find returns the journey of a request, or nil if the request has met no module yet.
func Find(r *http.Request) *Journey {
	found, _ := caddyhttp.GetVar(r.Context(), variable).(*Journey)
	return found
}

// Of returns the journey of a request. It begins with the first module that the request meets.
func Of(names *app.Names, r *http.Request) *Journey {
	if found := Find(r); found != nil {
		return found
	}
	begun := new(Journey)
	begun.Begin(names, r)
	return begun
}

// Begin takes on what the client sent. From then on, combined cookies have the application's form in the request: they are
// split once, since a session id may look combined itself.
func (j *Journey) Begin(names *app.Names, r *http.Request) {
	if lines := r.Header["Cookie"]; names.Combines() && len(lines) > 0 {
		r.Header["Cookie"], j.Carried = validator.SplitCookies(lines, names.IsCombined)
	}
	j.Cookies = append(j.line[:0], r.Header["Cookie"]...)
	j.Authorization = slices.Clone(r.Header["Authorization"])
	caddyhttp.SetVar(r.Context(), variable, j)
}

// Decide makes the decision known to the modules that the request meets from now on. It is the last one's that count.
func (j *Journey) Decide(decision *Decision) { j.last = decision }

// Decision returns what was decided last, or nil if nothing was.
func (j *Journey) Decision() *Decision { return j.last }

// Format writes nothing: a variable can be a placeholder, and this one holds cookies.
func (*Journey) Format(fmt.State, rune) {}

// String returns nothing, for the same reason.
func (*Journey) String() string { return "" }
