package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

// visitTime is how long a visit that the page asks for may take.
const visitTime = 20 * time.Second

// visitor makes requests to the front with the cookies of a browser.
type visitor struct {
	base    *url.URL
	client  http.Client
	changes []string // lines of Set-Cookie, in the order in which they came
}

// newVisitor returns a visitor of the front at the address, with the cookies of the browser that made the request.
func newVisitor(address string, r *http.Request) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making a jar for cookies: %w", err)
	}
	v := &visitor{base: &url.URL{Scheme: "http", Host: address}}
	jar.SetCookies(v.base, r.Cookies())
	v.client = http.Client{
		Jar: jar, Timeout: visitTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return v, nil
}

// do makes one request. The form is nil for GET.
func (v *visitor) do(ctx context.Context, path string, form url.Values) (status int, body string, err error) {
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, content = http.MethodPost, strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, method, v.base.JoinPath(path).String(), content)
	if err != nil {
		return 0, "", fmt.Errorf("visiting the shop: %w", err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("visiting the shop: %w", err)
	}
	defer response.Body.Close()
	v.changes = append(v.changes, response.Header.Values("Set-Cookie")...)
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, "", fmt.Errorf("visiting the shop: %w", err)
	}
	return response.StatusCode, string(text), nil
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// send fills in a form of the shop's, which is on one of its pages, and sends it.
func (v *visitor) send(ctx context.Context, page, action string, form url.Values) error {
	status, text, err := v.do(ctx, page, nil)
	if err != nil {
		return err
	}
	field := csrfField.FindStringSubmatch(text)
	if field == nil {
		return fmt.Errorf("visiting the shop: %s answers %d and has no form", page, status)
	}
	form.Set("csrf", field[1])
	if status, _, err = v.do(ctx, action, form); err != nil {
		return err
	}
	if status != http.StatusSeeOther {
		return fmt.Errorf("visiting the shop: %s answers %d", action, status)
	}
	return nil
}

func (v *visitor) signIn(ctx context.Context, name string) error {
	for _, user := range shop.Users() {
		if user.Name == name {
			return v.send(ctx, "/login", "/login", url.Values{"user": {name}, "password": {user.Password}})
		}
	}
	return errors.New("signing in: the shop has no such user")
}

func (v *visitor) signOut(ctx context.Context) error {
	return v.send(ctx, "/", "/logout", url.Values{})
}
