// Package validator is the trusted core of the gateway. It reads credentials, verifies tokens, decides and mints.
//
// Everything here is a function of its arguments, the time included. Nothing reads a clock, a file or the network. A request
// goes through the package like this:
//
//	Cookie lines ── ScanCookies ──────────────> Cookies, or an error
//	Cookies ─────── SessionCookies.Read ──────> SessionCredential: absent, present, or unusable
//	Cookies ─────── ReadToken ────────────────> TokenCredential: absent, present, or unusable
//	TokenCredential ─ Verifier.Verify ────────> Token: absent, foreign, usable with its Claims, or unusable
//	all of these ── Decide ───────────────────> Verdict
//	Session ─────── Minter.Mint ──────────────> a new token
//
// Keys come from [GenerateKey], [NewKey] and [ReadKeys]. A [KeyRing] holds the current keys. It may be given others while
// requests are verified.
//
// These hold throughout:
//
//   - The zero value of every type denies.
//   - Before the signature of a token is verified, only its size, its three parts and the header members alg, kid and typ
//     are read, to select one key that was allowed beforehand. A token of ours has no other header members. Those of a
//     provider's token are ignored, or refuse it. If the token is encrypted, the five parts and the four header
//     members of the one form that a JWE may have are read before them. Everything that is used afterwards comes from the
//     one [Claims] value that verification returned.
//   - No error, reason or text form of a type in this package holds a token, a cookie, a key or a session id.
package validator
