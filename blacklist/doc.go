// Package blacklist keeps the gateway's "no": which tokens, sessions and users are revoked, up to which second the tokens
// of a session are dead because the session has ended, or all of a realm because it was dropped, and what a revocation
// brings along: whose other sessions are looked at more closely, and which of them count.
//
// A [List] holds every entry in memory, where each request asks it, and writes what it is told to a [Journal], from which
// it is filled again at the next start. These hold throughout:
//
//   - A question is answered from memory: no disk, no network, no lock that all questions share, no allocation. A kind
//     without entries costs one load.
//   - What [List.Revoke] acknowledged is durable and in force. What [List.Enforce] was told is in force when it returns,
//     and pending until it is durable.
//   - Entries for one [Subject] only ever merge, to the later second and the later expiry, in whatever order they come:
//     no entry is weakened by another one.
//   - What [List.Lift] took back does not come back by what was being written, extended or swept at the same time.
//   - The zero [Subject] is always hit.
package blacklist
