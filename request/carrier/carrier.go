package carrier

import (
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// Carrier is the cookie that the token of one request travels in: [Own] or [InSession].
type Carrier interface {
	// Read returns the token that came.
	Read() validator.TokenCredential
	// Taken returns why the cookie is somebody else's, as a warning for the log. It is empty if the cookie is ours to read and
	// to write.
	Taken() string
	// Give returns the Set-Cookie line that gives the browser the token. The cookies are those that the browser has. The
	// browser keeps the token for as long as it is open if maxAge is 0.
	Give(held validator.Cookies, token string, maxAge time.Duration) string
	// Take returns the Set-Cookie line that takes the token from the browser. It is empty if nothing can.
	Take(held Held) string
	// IsSet reports whether the application sets the cookie itself. Then it has the last word.
	IsSet(lines []string, at cookie.Request, now time.Time) bool
	// Join lets the token go out with the lines in which the application sets the cookie itself.
	Join(header http.Header, joining Joining) Joined
	// RemoveSession returns the Set-Cookie line that takes a session cookie from the browser. The path and the domain that the
	// application gave it are not known. The common ones are tried.
	RemoveSession(name string) string
}

// Held is what the browser holds of the session after the response.
type Held struct {
	Cookies  validator.Cookies
	Presence validator.Presence
	// IsDoubtful reports whether the browser may have another session by now, whose id must not be written over.
	IsDoubtful func() bool
}

// Joining is what joining a token to the application's lines depends on.
type Joining struct {
	At  cookie.Request
	Now time.Time
	// Sent are the session cookies that the browser has.
	Sent []cookie.Pair
	// Keeps reports whether the browser is known to keep the session cookie in the place.
	Keeps func(cookie.Variant) bool
	// Token returns the token that goes with the session id from now on, or nothing. It is nil if the response must not carry
	// one.
	Token func() string
	// Fits reports whether browsers keep a line of this length.
	Fits func(line string) bool
}

// Joined is what became of joining.
type Joined struct {
	// Carries reports whether a line of the application carries the token.
	Carries bool
	// Astray reports whether the application sets the cookie in another place than the one that is configured.
	Astray bool
}
