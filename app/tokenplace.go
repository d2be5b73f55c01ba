package app

import (
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// TokenPlace is where in a request a token is. One of the two is set; none of them is `Authorization: Bearer`.
type TokenPlace struct {
	// The name of a request header whose whole value is the token.
	Header string `json:"header,omitempty"`

	// The name of a cookie.
	Cookie string `json:"cookie,omitempty"`
}

// Prepare checks the place, and writes the header in its canonical form.
func (p *TokenPlace) Prepare() error {
	switch {
	case p.Header != "" && p.Cookie != "":
		return fmt.Errorf("from: header %s and cookie %s are two places; want one", p.Header, p.Cookie)
	case p.Header != "":
		if !httpguts.ValidHeaderFieldName(p.Header) {
			return fmt.Errorf("from header %q: not a header name (RFC 9110 section 5.1)", p.Header)
		}
		p.Header = http.CanonicalHeaderKey(p.Header)
		switch p.Header {
		case "Authorization":
			return errors.New("from header Authorization: that is where tokens come by default; leave the line out")
		case "Cookie", "Host", "Connection":
			return fmt.Errorf("from header %s: this header has a meaning of its own", p.Header)
		}
	case p.Cookie != "":
		if !httpguts.ValidHeaderFieldName(p.Cookie) {
			return fmt.Errorf("from cookie %q: not a cookie name (RFC 6265 section 4.1.1)", p.Cookie)
		}
	}
	return nil
}

// String names the place as the configuration does.
func (p *TokenPlace) String() string {
	switch {
	case p == nil:
		return "Authorization: Bearer"
	case p.Header != "":
		return "header " + http.CanonicalHeaderKey(p.Header)
	case p.Cookie != "":
		return "cookie " + p.Cookie
	default:
		return "Authorization: Bearer"
	}
}
