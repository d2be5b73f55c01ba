package jwtsession

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Whoami is how the application is asked who a session belongs to: by a GET request that goes through the rest of the
// route, carries the session cookies and no others, and is answered before the request itself goes on.
//
// A 200 that names a user is that user's. A 200 that names nobody, a redirect, 401, 403 and 404 mean that nobody is
// signed in. Everything else is neither: requests that need an identity then get 503. The page must be one that does not
// change the session itself: an answer that names a user and changes a session cookie counts as neither, unless `rolling`
// is on.
type Whoami struct {
	// The page to ask, as the next handler sees it: a path that begins with `/`, with a query if need be. Required.
	URI string `json:"uri"`

	// Where in the answer the user id is. Required.
	User Extraction `json:"user"`

	// Values in the user's place that mean that nobody is signed in. Default: `["0", "null"]`.
	Nobody []string `json:"nobody,omitempty"`

	// A regular expression (RE2) that all of a user id must match. Default: `[!-~]{1,256}`.
	Pattern string `json:"pattern,omitempty"`

	// What else is read from the answer, by the name of the attribute.
	Attributes map[string]Extraction `json:"attributes,omitempty"`

	// More cookies that the question carries, such as a load balancer's that leads it to the server with the session. A name
	// that ends in `*` stands for all cookies whose names begin so. Name none that signs a user in by itself, such as a
	// "remember me" cookie: its user would then be taken for the owner of whatever session cookie came beside it. Session
	// cookies are carried anyway, and cookies with tokens can't be named. Default: none.
	Cookies []string `json:"cookies,omitempty"`

	// How long to wait for the answer, and for the turn to ask. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How long an answer that names nobody is remembered. Default: `3s`.
	NegativeTTL caddy.Duration `json:"negative_ttl,omitempty"`

	// How many questions may be under way at once. Questions about sessions that are not known have half of them. Default: 8.
	MaxConcurrent int `json:"max_concurrent,omitempty"`

	// How many of them may be for one client: an IPv4 address or the /64 network of an IPv6 address. Further ones wait their
	// turn, for as long as `timeout` says; the turn goes round from address to address. Default: 2.
	MaxPerClient int `json:"max_per_client,omitempty"`

	// How many bytes an answer may have, decoded. Default: 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`

	// The application changes the session cookie with every answer, as one does that keeps the session in the cookie. On
	// GET and HEAD requests that `forget_on` does not match, the identity then follows the new value, and is asked about
	// again when it would have been anyway. Without this option, and on all other requests, a new value is the end of the
	// session.
	Rolling bool `json:"rolling,omitempty"`

	// The routes that the question goes through instead of the rest of this handler's route, where that leads to another
	// service than the one that knows the sessions. The URI is as the first of them sees it.
	Routes caddyhttp.RouteList `json:"routes,omitempty"`

	text string // what was configured; loading the routes takes them out
}

// Extraction names a place in an answer. Exactly one of `json`, `header` and `regex` is set.
type Extraction struct {
	// A path into a JSON body, its steps separated by dots.
	JSON string `json:"json,omitempty"`

	// The name of a response header.
	Header string `json:"header,omitempty"`

	// A regular expression (RE2) whose first group is the value. It must not match two different values. In an answer of the
	// type `text/html` or `application/xhtml+xml` character references in the value are decoded: `bob&#43;shop` is
	// `bob+shop`.
	Regex string `json:"regex,omitempty"`

	// Attributes only: what separates the elements of a list in one text, such as `,` or a space. Blanks around an
	// element are not part of it, and empty elements are left out. Without this option a text is one value, whatever is in it.
	// Default: none.
	List string `json:"list,omitempty"`
}

// defaultNobody holds the values in the user's place that mean nobody.
var defaultNobody = []string{"0", "null"}

// The other defaults of whoami.
const (
	defaultNegativeTTL = caddy.Duration(3 * time.Second)
	defaultMaxBody     = int64(whoami.DefaultMaxBody)
)

func (w *Whoami) setDefaults() {
	limits := whoami.DefaultLimits()
	option.SetDefault(&w.Timeout, caddy.Duration(whoami.DefaultTimeout))
	option.SetDefault(&w.NegativeTTL, defaultNegativeTTL)
	option.SetDefault(&w.MaxConcurrent, limits.Concurrent)
	option.SetDefault(&w.MaxPerClient, limits.PerClient)
	option.SetDefault(&w.MaxBody, defaultMaxBody)
	if len(w.Nobody) == 0 {
		w.Nobody = defaultNobody
	}
}

// prepare checks the options and returns what asks with them, the queue aside.
func (w *Whoami) prepare(ctx caddy.Context, identity identity.Headers) (*question.Asker, error) {
	w.setDefaults()
	text, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	w.text = string(text)
	if w.Timeout < 0 || w.NegativeTTL < 0 || w.MaxConcurrent < 0 || w.MaxPerClient < 0 || w.MaxBody < 0 || w.MaxBody > 1<<30 {
		return nil, errors.New("timeout, negative_ttl, max_concurrent, max_per_client and max_body must be more than 0, " +
			"max_body 1 GiB at most")
	}
	if err := w.checkCookies(); err != nil {
		return nil, err
	}
	template, err := whoami.NewTemplate(w.URI, time.Duration(w.Timeout), int(w.MaxBody), identity.Owns)
	if err != nil {
		return nil, err
	}
	page, err := w.page()
	if err != nil {
		return nil, err
	}
	asker := &question.Asker{Page: page, Template: template, NegativeTTL: time.Duration(w.NegativeTTL), Cookies: w.Cookies, Sought: w.User.String()}
	return asker, w.prepareRoutes(ctx, asker)
}

func (w *Whoami) page() (*whoami.Page, error) {
	user, err := w.User.prepareUser()
	if err != nil {
		return nil, err
	}
	page := &whoami.Page{
		User: user, Nobody: w.Nobody, MaxBody: int(w.MaxBody), Attributes: make(map[string]whoami.Extractor), Rolling: w.Rolling,
	}
	if w.Pattern != "" {
		if page.Pattern, err = whoami.ParsePattern(w.Pattern); err != nil {
			return nil, err
		}
	}
	for name, from := range w.Attributes {
		if err := identity.CheckAttributeName(name); err != nil {
			return nil, err
		}
		if page.Attributes[name], err = from.prepare(); err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return page, nil
}

// checkPage looks at the page's URI and at the user's place in it.
func (w *Whoami) checkPage() error {
	if _, err := whoami.NewTemplate(w.URI, whoami.DefaultTimeout, 1, nil); err != nil {
		return fmt.Errorf("whoami: %w", err)
	}
	if _, err := w.User.prepareUser(); err != nil {
		return fmt.Errorf("whoami: %w", err)
	}
	return nil
}

func (w *Whoami) checkPattern() error {
	if _, err := whoami.ParsePattern(w.Pattern); err != nil {
		return fmt.Errorf("whoami: %w", err)
	}
	return nil
}

func checkAttribute(name string, from Extraction) error {
	if err := identity.CheckAttributeName(name); err != nil {
		return fmt.Errorf("whoami: %w", err)
	}
	if _, err := from.prepare(); err != nil {
		return fmt.Errorf("whoami: attribute %s: %w", name, err)
	}
	return nil
}

// String returns the place as a Caddyfile names it.
func (e Extraction) String() string {
	switch {
	case e.JSON != "":
		return "json " + e.JSON
	case e.Header != "":
		return "header " + e.Header
	default:
		return "regex " + e.Regex
	}
}

// prepareUser makes what finds the user id, which is one text.
func (e Extraction) prepareUser() (whoami.Extractor, error) {
	if e.List != "" {
		return nil, fmt.Errorf("list %q: a user id is one text; lists are for attributes", e.List)
	}
	return e.prepare()
}

// prepare makes what finds an attribute.
func (e Extraction) prepare() (whoami.Extractor, error) {
	extractor, err := e.prepareText()
	if err != nil || e.List == "" {
		return extractor, err
	}
	return whoami.SplitBy(extractor, e.List)
}

func (e Extraction) prepareText() (whoami.Extractor, error) {
	switch {
	case e.JSON != "" && e.Header == "" && e.Regex == "":
		return whoami.ParseExtractor("json", e.JSON)
	case e.Header != "" && e.JSON == "" && e.Regex == "":
		return whoami.ParseExtractor("header", e.Header)
	case e.Regex != "" && e.JSON == "" && e.Header == "":
		return whoami.ParseExtractor("regex", e.Regex)
	default:
		return nil, errors.New("want exactly one of json <path>, header <name> and regex <expression>")
	}
}

// queueFor returns the queue of a realm: handlers that ask the same page in the same way share it, so that there is one
// question at a time about a session.
func queueFor(of *app.App, realm string, config *Whoami) (*question.Queue, error) {
	limits := whoami.DefaultLimits()
	limits.Concurrent, limits.PerClient = config.MaxConcurrent, config.MaxPerClient
	limits.Timeout = time.Duration(config.Timeout)
	return app.Shared(of, "whoami "+realm+" "+config.text, func() (*question.Queue, error) { return question.NewQueue(limits) })
}

// prepareRoutes loads the route that questions go through where it is not the rest of the handler's own.
func (w *Whoami) prepareRoutes(ctx caddy.Context, asker *question.Asker) error {
	if w.Routes == nil {
		return nil
	}
	if err := w.Routes.Provision(ctx); err != nil {
		return fmt.Errorf("route: %w", err)
	}
	// What no handler answers is no answer of the application.
	asker.Route = w.Routes.Compile(caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	return nil
}

// checkCookies looks at the names in the option cookies by themselves.
func (w *Whoami) checkCookies() error {
	for i, name := range w.Cookies {
		if name == "*" {
			return fmt.Errorf("whoami: cookies *: the question would carry every cookie, and an application that signs a user in " +
				"by one of them would name him for whatever session came beside it; name the cookies that the answer needs")
		}
		if _, err := validator.NewSessionCookies(name); err != nil || strings.HasSuffix(name, "**") {
			return fmt.Errorf("whoami: cookies %q: want a cookie's name, or the beginning of one followed by *", name)
		}
		for _, earlier := range w.Cookies[:i] {
			if app.CanBeOneCookie(earlier, name) {
				return fmt.Errorf("whoami: cookies: %s and %s can be the same cookie; name it once", earlier, name)
			}
		}
	}
	return nil
}
