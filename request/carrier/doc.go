// Package carrier says how a token travels: in a cookie of its own ([TokenCookie]), or beside the session id in the
// application's session cookie ([TokenInSessionCookie]). It knows the names, the attributes and the rules that browsers hold
// cookies to, and writes Set-Cookie lines. It does not know what a token says.
package carrier
