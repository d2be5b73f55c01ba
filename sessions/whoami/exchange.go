package whoami

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

type subrequestKey struct{}

// IsSubrequest reports whether a request is a question of this package, for any realm. A handler that asks must let it pass
// without an identity, and must never ask about it.
func IsSubrequest(ctx context.Context) bool {
	marked, _ := ctx.Value(subrequestKey{}).(bool)
	return marked
}

// Exchange is one question. It is made by [Template.Prepare] and sent once. [Exchange.Send] and [Exchange.Release] may be
// called at the same time.
type Exchange struct {
	template     *Template
	next         caddyhttp.Handler
	request      *http.Request
	cancel       context.CancelFunc
	recorder     *recorder
	placeholders placeholders
}

// Send sends the question and returns the answer. It waits for at most the template's timeout. It never panics.
//
// At the timeout, Send cancels the request as if a visitor had left, without a deadline or a cause: reverse proxies don't
// hold that against the upstream. A handler that ignores this goes on in the background, and nobody reads what it writes.
// returned is called when the last handler has returned, which may be before Send returns or long after. Until then, the
// question uses what it has opened. returned may be nil.
func (x *Exchange) Send(returned func()) Answer {
	if returned == nil {
		returned = func() {}
	}
	done := make(chan struct{})
	stop := x.template.after(x.template.timeout, x.giveUp)
	go func() {
		defer returned()
		defer x.cancel()
		defer close(done)
		x.serve()
	}()
	select {
	case <-done:
	case <-x.recorder.timedOut:
	}
	stop()
	answer := x.recorder.take()
	if answer.Failure == "" && x.placeholders.wereMissed() {
		return Answer{Failure: CallerLeft}
	}
	if answer.Failure == "" {
		answer.RequestURI, answer.Received = x.template.uri, x.template.now()
	}
	return answer
}

// serve runs the route. An error means that the route spoke and not the application, even where it would become a 401
// or 404. A panic ends here: this goroutine is not the server's, which would contain it.
func (x *Exchange) serve() {
	returned := false
	defer func() {
		if !returned {
			_ = recover()
			x.recorder.end(Panicked)
		}
	}()
	err := x.next.ServeHTTP(x.recorder, x.request)
	returned = true
	if err != nil {
		x.recorder.end(RouteFailed)
	}
}

// giveUp closes the recorder first, so that nothing that the cancelled route writes is taken for an answer.
func (x *Exchange) giveUp() {
	x.recorder.giveUp()
	x.cancel()
}

// Release marks the visitor's request as gone, so that the question looks up nothing in it any more. It waits for a look-up
// that is under way. It may be called more than once.
func (x *Exchange) Release() { x.placeholders.close() }
