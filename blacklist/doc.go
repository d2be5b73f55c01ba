// Package blacklist keeps the gateway's "no". It holds which tokens, sessions and users are revoked. It holds up to which
// second the tokens of a session are dead because the session has ended, or those of a realm because it was flushed. And it
// holds what a revocation brings along: whose other sessions are looked at more closely, and which of them are accepted.
//
// A [List] holds every entry in memory, where each request asks it. It writes the entries to a [Journal], from which it is
// filled again at the next start. These hold throughout:
//
//   - A question is answered from memory: no disk, no network, no lock that all questions share, no allocation. A kind
//     without entries costs one load. A question waits for the change of one entry at most: not while millions of entries
//     come or expire, and not while a table grows.
//   - Subjects are the same if all their parts are, with all 256 bits of the digest. No shorter hash ever decides.
//   - An entry takes about 60 bytes and the user id, if it has one. The collector scans none of them. What has expired gives
//     its memory back.
//   - An entry that [List.Revoke] acknowledged is durable and in force. An entry that was passed to [List.Enforce] is in
//     force when Enforce returns, and pending until it is durable.
//   - Entries for one [Subject] only ever merge, to the later second and the later expiry, in whatever order they come. No
//     entry weakens another.
//   - An entry that [List.Lift] took back does not come back through a write, an extension or a sweep at the same time.
//   - The zero [Subject] is always hit.
//
// Several gateways may write one journal, a [SharedJournal]. Each has a list of its own, and [List.Adopt] and
// [List.AdoptLift] tell it what the others have written. The order of all writes decides, whatever reaches a list first:
//
//   - What another gateway has made durable is in force when Adopt returns.
//   - What another gateway has lifted is no longer in force when AdoptLift returns, unless it was stated once more after the
//     lift. It does not come back through a write or an extension that this list had begun before.
//   - What this list has stated and not written yet stays in force whatever is lifted elsewhere: its place in the order is
//     after that.
package blacklist
