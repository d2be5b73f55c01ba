// Package validator is the trusted core of the gateway: it reads credentials, verifies tokens, decides and mints.
//
// Everything here is a function of its arguments, the time included; nothing reads a clock, a file or the network. The
// way of a request through the package is:
//
//	Cookie lines ── ScanCookies ──────────────> Cookies, or an error
//	Cookies ─────── SessionCookies.Read ──────> SessionCredential: absent, present, or unusable
//	Cookies ─────── ReadToken ────────────────> TokenCredential: absent, present, or unusable
//	TokenCredential ─ Verifier.Verify ────────> Token: absent, foreign, usable with its Claims, or unusable
//	all of these ── Decide ───────────────────> Verdict
//	Session ─────── Minter.Mint ──────────────> a new token
//
// Keys come from [GenerateKey], [NewKey] and [ReadKeys]; a [KeyRing] holds those that count at the moment, and may be
// given others while requests are verified.
//
// Three rules hold throughout. The zero value of every type denies. Before the signature of a token is verified, only
// its size, its three parts and the header members alg, kid and typ are looked at, to select one key that was allowed
// beforehand (and before them, where it is encrypted, the five parts and the four header members of the one form that a
// JWE may have); everything used afterwards comes from the one [Claims] value that verification returned. And no error,
// reason or text form of a type in this package holds a token, a cookie, a key or a session id.
package validator
