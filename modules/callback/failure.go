package callback

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The placeholders that error routes get for a sign-in that failed.
const (
	placeholderReason = "http.jwt_session.sign_in.reason"
	placeholderStart  = "http.jwt_session.sign_in.start"
)

// reason is why a sign-in failed, in one word. Reasons are for error pages and logs. They are a closed set.
type reason string

const (
	// cancelled means that the user or the provider said no (access_denied).
	cancelled reason = "cancelled"
	// interactionRequired means that the provider must ask the user something, and was asked not to (prompt none).
	interactionRequired reason = "interaction_required"
	// providerError means that the provider reports another error.
	providerError reason = "provider_error"
	// notBegun means that no sign-in of this answer began in this browser, or that its time is over.
	notBegun reason = "not_begun"
	// used means that the sign-in is over already.
	used reason = "used"
	// refused means that the answer, or a token that came with it, is not accepted.
	refused reason = "refused"
)

// reasonOf returns the reason for an error code of the provider (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section
// 3.1.2.6).
func reasonOf(code string) reason {
	switch code {
	case "access_denied":
		return cancelled
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return interactionRequired
	default:
		return providerError
	}
}

// failure is why a sign-in failed, with the way to begin again. Its text does not repeat what came.
type failure struct {
	reason reason
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// reasonFor returns the reason of an error. One that names none is about the answer.
func reasonFor(err error) reason {
	if failed, ok := errors.AsType[*failure](err); ok {
		return failed.reason
	}
	return refused
}

// startAgain returns the address that begins a sign-in that leads to the same page.
func startAgain(start, back string) string {
	if back == "" {
		return start
	}
	return start + "?return=" + url.QueryEscape(back)
}

// answerFailure answers a sign-in that failed with 400: by the error routes of the server if it has any, or by a page of our
// own that leads to the start.
func answerFailure(w http.ResponseWriter, r *http.Request, failed error, start string) error {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set(placeholderReason, string(reasonFor(failed)))
		repl.Set(placeholderStart, start)
	}
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if ok && server.Errors != nil && len(server.Errors.Routes) > 0 {
		return caddyhttp.Error(http.StatusBadRequest, failed)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusBadRequest)
	// A write fails only if the reader has gone.
	_ = failurePage.Execute(w, struct{ What, Start string }{explanations[reasonFor(failed)], start})
	return nil
}

// explanations is what users read.
var explanations = map[reason]string{
	cancelled:           "You were not signed in, because the sign-in was cancelled.",
	interactionRequired: "You are not signed in at the identity provider.",
	providerError:       "The identity provider did not sign you in.",
	notBegun:            "This sign-in did not begin in this browser, or it took too long.",
	used:                "This sign-in is over.",
	refused:             "The answer of the identity provider was not accepted.",
}

var failurePage = template.Must(template.New("failure").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Not signed in</title>
<h1>Not signed in</h1>
<p>{{.What}}</p>
<p><a href="{{.Start}}">Sign in again</a></p>
</html>
`))
