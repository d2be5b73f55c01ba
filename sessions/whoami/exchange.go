package whoami

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

type subrequestKey struct{}

// IsSubrequest says whether a request is a question of this package, for whichever realm. A handler that asks must let
// it pass, without identity, and never ask about it.
func IsSubrequest(ctx context.Context) bool {
	marked, _ := ctx.Value(subrequestKey{}).(bool)
	return marked
}

// Exchange is one question, made by [Template.Prepare]. It is sent once. Send and Release may be called at the same
// time.
type Exchange struct {
	template     *Template
	next         caddyhttp.Handler
	request      *http.Request
	cancel       context.CancelFunc
	recorder     *recorder
	placeholders placeholders
}

// Send asks and waits for the answer, at most for the template's timeout. It never panics.
//
// At the timeout the request is cancelled as if a visitor had left, which reverse proxies don't hold against the
// upstream: no deadline and no cause is set. A handler that does not heed that goes on in the background, where nobody
// reads what it writes. Returned is called when the last handler has returned, which may be before Send does or long
// after; until then the question uses what it has opened. It may be nil.
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

// Release marks the visitor's request as gone: the question looks nothing up in it any more. It waits for a look-up
// that is under way. It may be called more than once.
func (x *Exchange) Release() { x.placeholders.close() }
