package probe

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/question"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Order is what to ask.
type Order struct {
	// Page is a page behind the handler: a path of the site, or an address. It is empty for the one that the configuration says.
	Page string
	// Cookie is the value of the session cookie, or several as a browser sends them. It is empty if there is none.
	Cookie string
	// SignOut is the page that signs out: a path of the site, or its address there. It is empty if there is none to try.
	SignOut string
	// Method is the method of the sign-out.
	Method string
}

// Ask asks the application of a site.
func (g *Gateway) Ask(ctx context.Context, site Site, order Order) (Report, error) {
	page, err := g.pageOf(site, order.Page)
	if err != nil {
		return Report{}, err
	}
	signOut, err := signOutOf(page, order)
	if err != nil {
		return Report{}, err
	}
	var report Report
	of := &visit{realm: site.Realm}
	var failed error
	of.do = func(r *http.Request, next caddyhttp.Handler, trial question.Trial, rule rule) {
		report, failed = ask(r, next, trial, rule, order, signOut)
	}
	if err := g.send(ctx, site, page, of); err != nil {
		return Report{}, err
	}
	if failed != nil {
		return Report{}, failed
	}
	report.Realm, report.Page = site.Realm, page.String()
	report.Verdict = judge(report)
	return report, nil
}

// pageOf returns the address of the visitor's request.
func (g *Gateway) pageOf(site Site, text string) (*url.URL, error) {
	page := g.address(site)
	if text == "" {
		return page, nil
	}
	named, err := page.Parse(text)
	if err != nil || named.Scheme != "http" && named.Scheme != "https" || named.Host == "" || named.User != nil {
		return nil, fmt.Errorf("--page: want a path of the site, or an address with http:// or https://")
	}
	named.Fragment = ""
	return named, nil
}

// signOutOf returns the path and the query of the sign-out. Another host than the site's would get the cookie.
func signOutOf(page *url.URL, order Order) (string, error) {
	if order.SignOut == "" {
		return "", nil
	}
	target, err := page.Parse(order.SignOut)
	if err != nil || target.User != nil {
		return "", fmt.Errorf("--sign-out: want a path of the site, or its address there")
	}
	if !strings.EqualFold(target.Host, page.Host) || target.Scheme != page.Scheme {
		return "", fmt.Errorf("--sign-out: the cookie goes to %s://%s and to no other host; want a path of it, such as /logout", page.Scheme,
			page.Host)
	}
	return target.RequestURI(), nil
}

// asker asks one application.
type asker struct {
	request *http.Request
	next    caddyhttp.Handler
	trial   question.Trial
	secrets secrets
	line    string // of cookies
}

func ask(r *http.Request, next caddyhttp.Handler, trial question.Trial, rule rule, order Order, signOut string) (Report, error) {
	options := trial.Asker.Template
	report := Report{URI: options.URI(), Rule: rule.String(), SessionCookies: trial.Site.Session.Cookies.Names(), timeout: options.Timeout()}
	asks := asker{request: r, next: next, trial: trial}
	if order.Cookie != "" {
		var err error
		if id, token := validator.SplitCombined(strings.TrimSpace(order.Cookie)); token != "" && trial.Site.Token.InSessionCookie != nil {
			order.Cookie = id
		}
		if asks.line, err = cookieLine(order.Cookie, trial.Site.Session.Cookies); err != nil {
			return Report{}, err
		}
	}
	asks.line = trial.Sent(asks.line)
	report.NoSession = asks.describeCookies(&report)
	var err error
	if report.Without, err = asks.whoami(""); err != nil || asks.line == "" {
		return report, err
	}
	if report.With, err = asks.whoami(asks.line); err != nil {
		return report, err
	}
	if signOut != "" && report.With.Outcome == User {
		report.SignOut, err = asks.signOut(cmp.Or(order.Method, http.MethodGet), signOut)
	}
	return report, err
}

// describeCookies notes the cookies in the report, and their values as secrets. It returns why the gateway takes no session from
// them, or nothing if it does.
func (a *asker) describeCookies(report *Report) (noSession string) {
	if a.line == "" {
		return ""
	}
	cookies, _ := validator.ScanCookies([]string{a.line})
	for _, one := range cookies {
		described := Cookie{Name: one.Name, Length: len(one.Value)}
		if a.trial.Carries(one.Name) {
			report.Cookies = append(report.Cookies, described)
		} else {
			report.NotSent = append(report.NotSent, described)
		}
		if len(one.Value) >= shortestSecret {
			a.secrets.add(one.Value)
		}
	}
	switch session := a.trial.Site.Session.Cookies.Read(cookies); session.Presence {
	case validator.Present:
		return ""
	case validator.Absent:
		return string(validator.NoCredentials)
	default:
		return string(session.Reason)
	}
}

func (a asker) whoami(line string) (*Finding, error) {
	tried, err := a.trial.Whoami(a.request, line, a.next)
	if err != nil {
		return nil, err
	}
	return a.secrets.describe(tried, a.trial.Asker.Page.MaxBody), nil
}

// shortestSecret is how many characters the value of a cookie has that is no word or number.
const shortestSecret = 4

// signOutTime is how long a sign-out may take.
const signOutTime = 30 * time.Second

// signOut signs out, and asks with the old cookie afterwards.
func (a asker) signOut(method, uri string) (*SignOut, error) {
	template, err := whoami.NewTemplate(uri, signOutTime, whoami.DefaultMaxBody, nil)
	if err != nil {
		return nil, fmt.Errorf("--sign-out: %w", err)
	}
	out := &SignOut{Method: method, URI: uri, Named: a.trial.Forgets(a.browserRequest(method, uri))}
	tried, err := a.trial.Page(a.request, template, method, a.line, a.next)
	if err != nil {
		return nil, err
	}
	out.Answer = a.secrets.describe(tried, whoami.DefaultMaxBody)
	effect := a.trial.Effect(a.request.Host, tried.Answer, a.line)
	out.Changes, out.Shows = effect.Changed, effect.Ends
	out.Replay, err = a.whoami(a.line)
	return out, err
}

// browserRequest returns the request by which a browser would sign out, for the matchers of the configuration.
func (a asker) browserRequest(method, uri string) *http.Request {
	request := a.request.Clone(a.request.Context())
	request.Method, request.RequestURI = method, uri
	if target, err := url.ParseRequestURI(uri); err == nil {
		request.URL = target
	}
	return request
}
