package survey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
)

// Survey is what an application shows of itself.
type Survey struct {
	Address string `json:"address"`
	Pages   []Page `json:"pages"`
	// Cookies are all that the pages set, those first that look most like a session cookie.
	Cookies []Cookie `json:"cookies"`
	// Candidates are the pages that could say who is signed in, the best ones first.
	Candidates []Page `json:"candidates"`
	// Changes reports whether the application gave the best cookie a new value when it came back.
	Changes bool `json:"changes_the_cookie"`

	target *url.URL
}

// Page is one answer.
type Page struct {
	Path   string `json:"path"`
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"` // of the body, without parameters
	// LeadsTo is the path that it redirects to.
	LeadsTo string   `json:"leads_to,omitempty"`
	IsJSON  bool     `json:"is_json"`
	Paths   []string `json:"paths,omitempty"` // of a JSON answer

	set   []Cookie
	pairs []cookie.Pair
}

// Cookie is a cookie without its value.
type Cookie struct {
	Name     string `json:"name"`
	Length   int    `json:"length"`
	HTTPOnly bool   `json:"http_only"`
	// Page is the path of the first page that sets it.
	Page string `json:"page"`
	// LooksLikeSession reports whether it could be the session cookie.
	LooksLikeSession bool `json:"looks_like_session"`

	score int
}

// The bounds of one answer.
const (
	maxBody    = 256 << 10
	maxCookies = 50  // of all answers
	maxName    = 128 // of a cookie, in bytes
)

// missing is a page that no application has. What it answers says nothing.
const missing = "/jwt-session-init-no-such-page"

// paths are the pages that are asked for: those that open a session, and those that often say who is signed in.
var paths = []string{
	"/", "/login", "/signin", "/sign-in", "/users/sign_in", "/accounts/login/", "/admin/login/", "/account", "/login.php", "/index.php",
	"/whoami", "/me", "/account/me", "/api/me", "/api/whoami", "/api/user", "/api/users/me", "/api/session", "/api/auth/session",
	"/api/account", "/api/v1/me", "/auth/me", "/session", "/user", "/profile", "/userinfo", "/whoami.php", "/me.php", "/me.json",
	"/wp-json/wp/v2/users/me",
}

// ParseAddress reads the address of an application: http:// or https:// with a host and no path.
func ParseAddress(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	target, err := url.Parse(text)
	switch {
	case err != nil || target.Host == "" || target.Hostname() == "" || target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("want the address of the application, such as http://localhost:8081")
	case target.User != nil:
		return nil, errors.New("want an address without a user and a password")
	case strings.Trim(target.Path, "/") != "" || target.RawQuery != "" || target.Fragment != "":
		return nil, errors.New("want the address of the whole application, without a path, such as http://localhost:8081")
	case strings.Trim(target.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]") != "":
		return nil, errors.New("want a host name of letters, digits, dots and hyphens, or an IP address")
	}
	return &url.URL{Scheme: target.Scheme, Host: target.Host}, nil
}

// Look looks at an application. An answer may take as long as patience says. It returns an error if the first page does not answer.
func Look(ctx context.Context, target *url.URL, patience time.Duration) (Survey, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	survey := Survey{Address: target.String(), target: target}
	failed := 0
	for i, path := range append(slices.Clone(paths), missing) {
		page, err := get(ctx, client, target, path, "")
		switch {
		case err != nil && i == 0, ctx.Err() != nil:
			return survey, fmt.Errorf("the application does not answer: %w", withoutAddress(err))
		case err != nil:
			if failed++; failed == 3 { // it does not answer any more
				return survey.sorted(), nil
			}
		default:
			survey.Pages = append(survey.Pages, page)
		}
	}
	survey = survey.sorted()
	if best, pair := survey.best(); best != nil && pair.Value != "" {
		again, _ := get(ctx, client, target, best.Page, pair.Name+"="+pair.Value) // without an answer there is no pair
		survey.Changes = slices.ContainsFunc(again.pairs, func(one cookie.Pair) bool {
			return one.Name == pair.Name && one.Value != pair.Value
		})
	}
	return survey, nil
}

// withoutAddress returns the cause of a client's error, which names the address and the method too.
func withoutAddress(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// get asks for a page, with a Cookie line if it is not empty.
func get(ctx context.Context, client *http.Client, target *url.URL, path, cookies string) (Page, error) {
	address := *target
	address.Path = path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return Page{}, err
	}
	request.Header.Set("User-Agent", "caddy-jwt-session init")
	request.Header.Set("Accept", "*/*")
	if cookies != "" {
		request.Header.Set("Cookie", cookies)
	}
	response, err := client.Do(request)
	if err != nil {
		return Page{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return Page{}, err
	}
	return read(path, response, body), nil
}

// read returns what counts of an answer.
func read(path string, response *http.Response, body []byte) Page {
	page := Page{Path: path, Status: response.StatusCode}
	media, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	page.Type = strings.ToLower(strings.TrimSpace(media))
	if location, err := response.Location(); err == nil && response.StatusCode/100 == 3 {
		page.LeadsTo, _, _ = strings.Cut(location.Path, ";")
	}
	if len(body) <= maxBody {
		header := http.Header{"Content-Type": response.Header["Content-Type"], "Content-Encoding": response.Header["Content-Encoding"]}
		found, isJSON := whoami.Paths(whoami.Answer{Status: response.StatusCode, Header: header, Body: body}, maxBody)
		page.IsJSON = isJSON
		for _, one := range found {
			if one.Name != "" {
				page.Paths = append(page.Paths, one.Name)
			}
		}
	}
	for _, text := range response.Header["Set-Cookie"] {
		line := cookie.ReadLine(text)
		if line.Name == "" || len(line.Name) > maxName || line.Value == "" || line.Removes(time.Now()) || len(page.set) == maxCookies {
			continue
		}
		page.set = append(page.set, Cookie{Name: line.Name, Length: len(line.Value), HTTPOnly: line.HTTPOnly, Page: path})
		page.pairs = append(page.pairs, cookie.Pair{Name: line.Name, Value: line.Value})
	}
	return page
}
