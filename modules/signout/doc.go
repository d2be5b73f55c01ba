// Package signout is the handler `jwt_session_signout`. It ends the sessions of users whom their identity provider signs out.
//
// A provider has three doors: doors.go has OpenID Connect Back-Channel Logout 1.0, the push of security events (RFC 8935) and
// Global Token Revocation, and stream.go polls for security events (RFC 8936). verify.go checks what came by any of them, group.go
// brings it to all realms that it counts in, and signouts.go ends the sessions. These hold throughout:
//
//   - What a provider says counts only with its signature, and only once (repeats.go).
//   - The answer says that it is done only if it survives a crash. Otherwise the provider is to send it again.
//   - What was signed counts in each realm of the configuration whose `jwt_session_signout` accepts it, whichever of them it
//     came to: a provider knows one address, and an application behind the gateway may have several realms.
//   - A user who signs in again is let in. What was there before stays out.
//   - Answers don't say why something was refused. The log does.
package signout
