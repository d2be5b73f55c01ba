package question

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/arrival"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Trial puts questions for an operator who looks at a configuration that serves nobody. The questions are those that a visitor's
// request would put. They keep and count nothing, and need no store.
type Trial struct {
	Asker *Asker
	Site  *app.Site
	// Forgets reports whether the configuration names a request as one that ends its session.
	Forgets func(*http.Request) bool
}

// Tried is what became of one question of a trial.
type Tried struct {
	Answer  whoami.Answer
	Outcome whoami.Outcome
	Took    time.Duration
	// Err is the error that a handler of the route returned, if one did in time.
	Err error
}

// Carries reports whether a question carries the cookie.
func (t Trial) Carries(name string) bool { return t.Asker.carries(t.Site.Session.Cookies, name) }

// Sent returns the Cookie line as the application gets it: without a token that shares the session's cookie.
func (t Trial) Sent(line string) string {
	if t.Site.Token.InSessionCookie == nil {
		return line
	}
	plain, _ := validator.SplitCookies([]string{line}, t.Site.Session.Cookies.Match)
	return strings.Join(plain, "; ")
}

// Whoami asks the whoami page. The Cookie line stands for those of a visitor, and may be empty.
func (t Trial) Whoami(r *http.Request, line string, next caddyhttp.Handler) (Tried, error) {
	tried, err := t.send(r, t.Asker.Template, line, next)
	if err == nil {
		tried.Outcome = t.Asker.Page.Read(tried.Answer, func([]string) []string {
			return t.changed(r.Host, tried.Answer, line)
		})
	}
	return tried, err
}

// Page sends another request through the same route, which has the method and carries the same cookies.
func (t Trial) Page(r *http.Request, template *whoami.Template, method, line string, next caddyhttp.Handler) (Tried, error) {
	return t.send(r, template, line, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		r.Method = method
		return next.ServeHTTP(w, r)
	}))
}

// Effect returns what an answer does to the session that the Cookie line carries, where nothing is known of the places that the
// browser keeps it in.
func (t Trial) Effect(host string, answer whoami.Answer, line string) cookie.Effect {
	return cookie.Judge(t.exchange(host, answer, line))
}

// changed names the session cookies that an answer of the whoami page would change.
func (t Trial) changed(host string, answer whoami.Answer, line string) []string {
	exchange := t.exchange(host, answer, line)
	exchange.Holds = func(_ cookie.Pair, variant cookie.Variant) cookie.Held { return assumed(cookie.Unknown, variant) }
	return cookie.Judge(exchange).Changed
}

func (t Trial) exchange(host string, answer whoami.Answer, line string) cookie.Exchange {
	sent, _ := validator.ScanCookies([]string{line}) // what is too much was not sent
	names := t.Site.Session.Cookies
	path, _, _ := strings.Cut(answer.RequestURI, "?")
	return cookie.Exchange{
		Request: cookie.Request{Host: host, Path: path}, IsSession: names.Match, Sent: arrival.SessionPairs(names, sent),
		Lines: answer.Header["Set-Cookie"], Now: answer.Received,
	}
}

func (t Trial) send(r *http.Request, template *whoami.Template, line string, next caddyhttp.Handler) (Tried, error) {
	if t.Asker.Route != nil {
		next = t.Asker.Route
	}
	var lines []string
	if line != "" {
		lines = validator.KeepCookies([]string{line}, t.Carries)
	}
	var mutex sync.Mutex // the route may go on after the answer was given up
	var failed error
	exchange, err := template.Prepare(r, lines, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := next.ServeHTTP(w, r)
		mutex.Lock()
		defer mutex.Unlock()
		failed = err
		return err
	}))
	if err != nil {
		return Tried{}, err
	}
	defer exchange.Release()
	began := time.Now()
	tried := Tried{Answer: exchange.Send(nil), Took: time.Since(began)}
	mutex.Lock()
	defer mutex.Unlock()
	tried.Err = failed
	return tried, nil
}
