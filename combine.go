package jwtsession

import (
	"net/http"
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// combinedVisit is what a visit knows of the one cookie that carries the session id and the token. It is another way to
// read a token and to hand one out; what is decided is the same.
type combinedVisit struct {
	name   string
	tokens validator.Cookies // those that came, of all combined cookies
	token  string            // the one of this cookie as it came, not verified; empty where two came that differ
	came   bool              // this cookie carried one, or several
	// taken: another realm's handler already writes this cookie in this exchange. One writer is enough.
	taken bool
}

// joinCarried takes on what the combined cookie of this realm carried.
func (v *visit) joinCarried(visits *visits) {
	if v.TokenInSessionCookie == nil {
		return
	}
	v.combined = &combinedVisit{name: v.SessionCookies[0], tokens: v.journey.Carried}
	isOnlyOne := v.readTokenCookie().Presence == validator.Present
	for _, token := range v.journey.Carried {
		if token.Name == v.combined.name {
			v.combined.came = true
			if isOnlyOne {
				v.combined.token = token.Value
			}
		}
	}
	for other := visits.latest; other != nil; other = other.previous {
		if other.combined != nil && other.combined.name == v.combined.name {
			v.combined.taken = true
		}
	}
}

// readTokenCookie reads the token that came, from whichever cookie it is in.
func (v *visit) readTokenCookie() validator.TokenCredential {
	if v.combined != nil {
		return validator.ReadToken(v.combined.tokens, v.combined.name)
	}
	name := v.TokenCookie.NameFor(v.realm, v.secure)
	if v.site.SurmisesTokens() {
		return validator.ReadToken(tokensAlone(v.cookies, name), name)
	}
	return validator.ReadToken(v.cookies, name)
}

// yieldCombined leaves the cookie alone where another realm writes it, as if that one's token were in it.
func (v *visit) yieldCombined() {
	if v.combined != nil && v.combined.taken {
		v.token, v.tokenSent, v.reason = validator.Token{State: validator.TokenForeign}, false, ""
	}
}

// sessionID returns the application's session id, where exactly one came.
func (v *visit) sessionID() string {
	for _, cookie := range v.cookies {
		if cookie.Name == v.combined.name {
			return cookie.Value
		}
	}
	return ""
}

// combineLine returns the Set-Cookie line with a token and the session id that it is for.
func (v *visit) combineLine(token string) string {
	return v.TokenInSessionCookie.Set(v.combined.name, v.sessionID(), token, v.secure)
}

// uncombineLine returns the Set-Cookie line that takes the token out of the browser's cookie and leaves the session id, or
// nothing where it is not clear which that is.
func (v *visit) uncombineLine() string {
	switch v.credential.Presence {
	case validator.Present:
		if v.revoked || v.isOvertaken() {
			return ""
		}
		return v.TokenInSessionCookie.Set(v.combined.name, v.sessionID(), "", v.secure)
	case validator.Absent:
		return v.TokenInSessionCookie.Remove(v.combined.name, v.secure)
	default:
		return ""
	}
}

// isOvertaken says whether another request ended the session since this one found it active. The browser may have a new
// session by now, whose id must not be written over.
func (v *visit) isOvertaken() bool {
	return !v.ended && v.record.AuthTime > 0 && !v.gateway.Ledger.MayMint(v.key(), v.record.AuthTime)
}

// setsCombined reports whether the application sets the cookie that carries the token. That it removes another variant of
// the cookie says nothing of ours.
func (v *visit) setsCombined(header http.Header) bool {
	at := journey.Place(v.request)
	ours := v.TokenInSessionCookie.Variant(v.combined.name, at)
	return slices.ContainsFunc(header["Set-Cookie"], func(text string) bool {
		line := cookie.ReadLine(text)
		return line.Name == v.combined.name && (!line.Removes(v.now) || line.Variant(at) == ours)
	})
}

// combineWithApplication is for responses in which the application sets the session cookie itself. A line that repeats
// the value takes the token along, a new one that is due or the one that the browser has, since the browser keeps nothing
// of the old value; where the response must not carry a token it goes out plain. A new session has no token yet.
func (v *visit) combineWithApplication(header http.Header, mayCarry bool) {
	if v.combined.taken || !cookie.Sets(header["Set-Cookie"], v.combined.name) {
		return
	}
	at := journey.Place(v.request)
	ours := v.TokenInSessionCookie.Variant(v.combined.name, at)
	lines, astray, repeats := make([]string, 0, len(header["Set-Cookie"])+1), false, false
	for _, text := range header["Set-Cookie"] {
		line := cookie.ReadLine(text)
		if line.Name != v.combined.name {
			continue
		}
		place := line.Variant(at)
		astray = astray || place != ours && (!line.Removes(v.now) || v.isKeptIn(place))
		repeats = repeats || !line.Removes(v.now) && v.isRepeated(line)
	}
	if astray {
		v.warn("the application sets its session cookie with another path or domain than token_in_session_cookie has; " +
			"write the same there")
		if v.combined.came {
			// Before the application's own, so that this stays whatever the browser takes for the same cookie.
			lines = append(lines, v.TokenInSessionCookie.Remove(v.combined.name, v.secure))
		}
	}
	token, isNew := "", false
	if repeats && mayCarry && !astray && !v.revoked {
		token, isNew = v.tokenToCarry()
	}
	carries := false
	for _, line := range header["Set-Cookie"] {
		combined, carrying := v.combinedLine(line, token)
		lines, carries = append(lines, combined), carries || carrying
	}
	header["Set-Cookie"] = lines
	if carries {
		caching.KeepPrivate(header)
	}
	if carries && isNew {
		v.countIssued(len(token))
	}
}

// isKeptIn reports whether the browser is known to keep the session cookie in the place.
func (v *visit) isKeptIn(place cookie.Variant) bool {
	return v.holds(cookie.Pair{Name: v.combined.name, Value: v.sessionID()}, place) == cookie.Here
}

// isRepeated reports whether the line has the value that the browser sent.
func (v *visit) isRepeated(line cookie.Line) bool {
	return cookie.IsSame(sessionPairs(v.sessionCookies, v.cookies), line)
}

// combinedLine returns the application's line as it is to go out, and whether it carries the token. A new session id that
// looks like a combined value is written as one, without a token.
func (v *visit) combinedLine(text, token string) (combined string, carries bool) {
	line := cookie.ReadLine(text)
	if line.Name != v.combined.name || line.Removes(v.now) {
		return text, false
	}
	if token != "" && v.isRepeated(line) {
		if combined = v.fitting(carrier.WithToken(text, token, v.secure)); combined != "" {
			return combined, true
		}
	}
	if validator.JoinCombined(line.Value, "") != line.Value {
		return carrier.WithToken(text, "", v.secure), false
	}
	return text, false
}

// tokenToCarry returns the token that goes with the session id from now on: a new one where it is due, none where it is
// to be cleared, and else the one that came.
func (v *visit) tokenToCarry() (token string, isNew bool) {
	if v.tokenCookie == validator.ReplaceToken {
		if token := v.mintToken(v.minter()); token != "" {
			return token, true
		}
	}
	if v.ended || v.mayClear() {
		return "", false
	}
	return v.combined.token, false
}

// deleteSessionLine returns the Set-Cookie line that takes a session cookie from the browser.
func (v *visit) deleteSessionLine(name string) string {
	if v.combined != nil {
		return v.TokenInSessionCookie.Remove(name, v.secure)
	}
	removal := http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: v.secure, HttpOnly: true}
	return removal.String()
}
