package exchange

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/outcome"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/settlement"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/stream"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// exchange is one request on its way through one handler.
type exchange struct {
	*Route

	request *http.Request
	next    caddyhttp.Handler
	repl    *caddy.Replacer

	arrival    arrival.Arrival       // what came
	outcome    outcome.Outcome       // what was found out
	settlement settlement.Settlement // what becomes of it
	decision   journey.Decision      // for the modules behind

	response response.Writer // what the application writes to
	stream   *stream.Stream  // nil where there is none
	follows  bool            // an earlier handler decided, and looks at the response
	previous *exchange       // of the same request, for another realm
}

// announce makes what is decided known to the modules behind, and to those of error routes.
func (x *exchange) announce() {
	x.decision = journey.Decision{
		Realm: x.arrival.Realm, Identity: identity.Nobody, Undetermined: x.outcome.Undetermined(), Secure: x.arrival.Secure, Core: x.outcome.Core, Refuser: x,
	}
	x.arrival.Journey.Decide(&x.decision)
}

// act does what was decided.
func (x *exchange) act(w http.ResponseWriter) error {
	switch x.outcome.Verdict.(type) {
	case validator.ByToken, validator.BySession, validator.ByIssuer:
		x.restoreSession()
		return x.passOn(w, x.outcome.Who)
	case validator.CouldNotTell:
		return x.couldNotTell(w)
	case validator.Unauthenticated:
		return x.unauthenticated(w)
	default:
		x.setReason()
		w.Header().Set("Cache-Control", "no-store")
		return x.refuse(w)
	}
}

// restoreSession gives the application the session cookies that the token is bound to, where that is to be.
func (x *exchange) restoreSession() {
	if !x.outcome.Session.Restored {
		return
	}
	names := x.Policy.Site.Session.Cookies
	if cookies, ok := names.Restore(x.outcome.Token.Claims); ok {
		// Those that came are empty, and an application that takes the first of a name would take them.
		others := validator.DropCookies(x.request.Header["Cookie"], names.Match)
		x.request.Header["Cookie"] = validator.AddCookies(others, cookies)
	}
}

// passOn sends the request on, with the identity of the user if there is one, and settles the response.
func (x *exchange) passOn(w http.ResponseWriter, who *identity.Principal) error {
	if !x.follows && !x.passSession(who) {
		return x.unavailable(w)
	}
	x.identify(who)
	if x.follows {
		return x.next.ServeHTTP(x.Listener.Hide(w), x.request)
	}
	x.settlement.Before()
	x.settlement.Listen(x.Listener)
	defer x.settlement.StopListening()
	x.prepareStream()
	own := x.ownHeader(w)
	x.response.Wrap(x.Listener.Hide(w), x)
	x.response.Taker = x
	defer x.finish(w)
	err := x.serveNext()
	x.stream.AbortIfCut()
	if err == nil && !x.response.IsTaken {
		x.response.Begin(http.StatusOK) // nothing was written, so net/http will say 200
	}
	if x.response.Replaced {
		return x.refuseNamed(w, own)
	}
	return err
}

// identify gives the request the identity, and counts it.
func (x *exchange) identify(who *identity.Principal) {
	if who.User != "" {
		x.Policy.Site.Identity.Set(x.request, who)
		x.arrival.Journey.Shown.SetUser(who)
		x.warnOfLoss(who.Lossy)
	}
	x.decision.Identity = who
	x.forward()
	x.count()
	x.setReason()
}

// forward gives the request the token for the services behind.
func (x *exchange) forward() {
	err := x.Forward.Give(x.request, x.outcome.Core, x.arrival.Realm, x.decision.Identity, x.arrival.Now)
	if err != nil {
		x.Policy.Warn("making a token for the services behind, which see nobody signed in now", zap.Error(err))
	}
}

// warnOfLoss says which attributes the services behind do not see, or not whole.
func (x *exchange) warnOfLoss(lossy []string) {
	for _, name := range lossy {
		key := "lossy attribute"
		if slices.Contains(x.Policy.Site.Needs, name) { // of others there may be as many names as an operator adds sessions with
			key += " " + name
		}
		x.Policy.WarnAs(key, "an attribute has what a header can't hold: other than visible ASCII and inner spaces, or a comma in an "+
			"element of a list; it is left out of its header and placeholder, or that element is. Let the application write it in "+
			"ASCII, such as percent-encoded, or give another attribute to the services", zap.String("attribute", name))
	}
}

// BeforeHead settles the response when its head goes out. Others need not wait for its body to mint.
func (x *exchange) BeforeHead(status int) {
	header := x.response.Header()
	x.response.Replaced = x.settlement.Settle(x.Listener, status, header)
	x.outcome.Release()
	if !x.response.Replaced && stream.Is(x.request, status, header) {
		x.watch()
	}
}

// prepareStream is called before the request goes on. What a request that may become a stream costs more, all others
// don't: a context of its own.
func (x *exchange) prepareStream() {
	mayBeNamed := x.decision.Identity.User != "" || x.Listener.Header != "" // by now, or by the response itself
	if x.Policy.KeepStreams || x.outcome.Core == nil || !mayBeNamed || !stream.May(x.request) {
		return
	}
	ctx, cancel := context.WithCancel(x.request.Context())
	x.request = x.request.WithContext(ctx)
	x.stream = stream.New(&x.response, cancel)
}

// watch waits for the end of what the stream was opened with.
func (x *exchange) watch() {
	if x.Policy.KeepStreams || x.outcome.Core == nil || x.stream.IsWatched() {
		return
	}
	subjects, authTime, known := settlement.OwnerOf(&x.settlement)
	if !known {
		return
	}
	if x.stream == nil {
		x.stream = stream.New(&x.response, nil)
	}
	x.stream.Watch(x.outcome.Core.Ledger, subjects, authTime)
}

// Take is called when the connection is taken over. Some handlers do so without a head of the response: then no token goes out.
func (x *exchange) Take(conn net.Conn) net.Conn {
	x.outcome.Release()
	if x.stream == nil {
		return conn
	}
	x.watch()
	return x.stream.Hijacked(conn)
}

// serveNext calls the rest of the route. A reverse proxy aborts the exchange where nobody takes what the application
// writes; a response that was replaced still has a refusal to come.
func (x *exchange) serveNext() error {
	defer func() {
		if !x.response.Replaced {
			return
		}
		if failure := recover(); failure != nil && failure != http.ErrAbortHandler {
			panic(failure)
		}
	}()
	return x.next.ServeHTTP(&x.response, x.request)
}

// finish is called when the rest of the route has returned, in whatever way.
func (x *exchange) finish(w http.ResponseWriter) {
	x.stream.End()
	if !x.response.Begun { // an error, or a panic: the response is not the application's
		x.settlement.Abandon()
		delete(w.Header(), x.Listener.Header) // error routes write the same header
	}
}

// ownHeader returns what the response header holds before the application answers, for refuseNamed. It is nil where the
// application names no users.
func (x *exchange) ownHeader(w http.ResponseWriter) http.Header {
	if x.Listener.Header == "" {
		return nil
	}
	return w.Header().Clone()
}

// refuseNamed answers in the place of an application whose response names a revoked user. Nothing of that response is
// left.
func (x *exchange) refuseNamed(w http.ResponseWriter, own http.Header) error {
	header := w.Header()
	clear(header)
	maps.Copy(header, own)
	x.outcome.NoteRevoked()
	x.decision.Identity = identity.Nobody
	x.arrival.Journey.Shown.Clear(x.repl)
	x.arrival.Journey.Shown.SetRealm(x.Policy.Site.Realm.Placeholder(x.arrival.Realm))
	x.setReason()
	return x.Refuse(w, x.request)
}
