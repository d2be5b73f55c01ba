// Package grant says what becomes of the token that the browser holds.
package grant

import "github.com/caddy-jwt-session/caddy-jwt-session/sessions"

// Grant is what becomes of the browser's token with the response: [Withdrawn], [OfSession], [Renewed] or [Moved], and
// nothing else. The nil Grant leaves the token alone.
//
//sumtype:decl
type Grant interface{ grant() }

// Withdrawn takes the token that came from the browser.
type Withdrawn struct{}

// OfSession makes a token for a session: the one that was looked up, or that the response tells of. If none can be made, a
// token that came and is of no use is withdrawn. The same holds of the other grants that make tokens.
type OfSession struct{ Session *sessions.Session }

// Renewed makes a token in the place of the one that came, by that alone.
type Renewed struct{}

// Moved makes a token in the place of the one that came, bound to the id that the session has from now on.
type Moved struct {
	// Renews reports whether the new token lasts longer than the one that came.
	Renews bool
}

func (Withdrawn) grant() {}
func (OfSession) grant() {}
func (Renewed) grant()   {}
func (Moved) grant()     {}

// Makes reports whether the grant makes a token.
func Makes(g Grant) bool {
	switch g.(type) {
	case OfSession, Renewed, Moved:
		return true
	case Withdrawn:
		return false
	default:
		return false
	}
}
