// Package ledger is the one place where sessions are learned, ended and revoked, and where minting is permitted. Whatever
// happens at the same time takes effect in one order.
//
// A [Ledger] stands over one open [storage.Place]. All sites, handlers and configurations of the process share it.
// Everything that changes a session goes through the ledger, under a lock of that session.
//
// # Guarantees
//
// Ends:
//
//   - An end at second T kills every token of the session with auth_time at or before T, whenever the token was minted. It
//     does so from before [Ledger.End] returns until no such token can be alive.
//   - A session that is learned or opened after an end has an AuthTime after the second of the end.
//   - The answer to a question that was asked before an end changes nothing: the session that it is about is over.
//   - The tokens of one user are dead once the session belongs to another user.
//   - An end is in force even if the record could not be deleted or the end could not be made durable. Both are tried again
//     until they succeed. No token is minted for that session before its end is durable.
//   - A flush ends all sessions that are known. It refuses nobody afterwards.
//
// Revocations:
//
//   - A revocation is durable and in force when it is acknowledged. From then on it stops everything that it is about: what
//     is in flight, what a late answer names, and what comes after a restart. After an error nothing is acknowledged.
//   - A revocation outranks the application. While a user is revoked, or while a session of his is, another session of his
//     is accepted only if (1) it was known before and is not revoked itself, (2) it was added later, or (3) the application
//     was seen to set its id in answer to a request that began after the revocation.
//   - A revocation of an attribute is about the users who have it in a record, and about those whom the application names with it
//     afterwards. These are accepted under the same conditions.
//   - A revocation that is lifted holds for nobody any more. It does not come back with a restart.
//
// Records:
//
//   - A session that the application names and the store does not take counts for the request that asked. No token is
//     minted for it: a later end or revocation could not find it.
//   - A session whose id the application changes with every answer goes on under the new id and is no more trusted than
//     before: AuthTime, Confirmed and Ends stay where they are. What ends or revokes it under one of its ids does so under
//     all of them, including the ids in responses that are in flight. An id that is known as another session's, or as
//     nobody's, is never taken for it.
//   - A user has at most [MaxRecords] records in a realm. The records that were seen longest ago go first, and before them
//     the records of ids that the application has replaced. Without its record, a session that the application owns goes
//     on, and a session that was opened through the gateway has ended.
//
// Whether a token is dead, and whether a session is revoked, is answered from memory.
//
// Gateways that share a place ([storage.Shared]):
//
//   - All of the above holds for what other gateways do, once this one has heard of it. Before that, nothing is written that
//     would undo it: the place refuses the record of a gateway that is behind, which catches up and tries again.
//   - Nobody is refused for want of what another gateway may have seen or lifted before this one has caught up.
//   - A record that is found does not count if this gateway has not heard of the others for [maxLag]. See [Ledger.IsStale] for
//     tokens.
//   - Some things are known to one gateway alone: refusals and givenIDs. An end of a session that no gateway knows is written
//     nowhere, so that it makes void the questions of its own gateway alone.
//
// # Locks
//
// There are three kinds of locks, and they are taken in this order: (1) the lock of a session's stripe, or of two or all
// stripes in ascending order; (2) the lock of one user; (3) the locks inside the parts below, each held for one call.
// A lock of the first two kinds is held while a shared place is waited for. So what makes this gateway hear of the others takes
// neither: follower.go takes the third kind alone. Nobody catches up with a lock held.
//
// # Files
//
// The methods of [Ledger] are in three files. ledger.go opens the ledger and answers, sessions.go has what applications and
// their users do to a session, and revocations.go has what operators do. The answers from memory are in inforce.go. Each
// change of a session begins in change.go, with the lock of its stripe, and goes on in the file that is named after it.
//
// # Glossary
//
//   - book: all that changes with a session, and the locks under which it changes.
//   - entries: the blacklist, with how long its entries are kept.
//   - change: a change of one session, from the lock of its stripe to the unlock.
//   - following: a change of a session's id.
//   - stripe: one of 256 parts of the sessions, by the first byte of the hash, with the lock of these sessions.
//   - finding: the record of a session with what is in force against it.
//   - standing: what is in force against a user in a realm.
//   - scope: the sessions that a revocation of a user, or a flush, is about.
//   - [Lineage]: what all ids of one session have in common when the application changes them.
//   - company: who else writes to the place.
//   - order: in which order the parts of a change are written, alone or beside other gateways.
//   - follower: puts in force what other gateways write.
//   - flights: the questions in flight of a stripe.
//   - [Moment]: a place in the order of requests and revocations, of this process or of all gateways.
//   - revokedAt: the moments at which the revocations came into force.
//   - memories: what the ledger knows of sessions for a while and may forget: the next six.
//   - signedOut: the sessions that the application lately knew nobody in.
//   - refusals: the sessions in which the application lately named a user who is not accepted there.
//   - recentlySet: the ids that the application lately set, with the moment of the request.
//   - givenIDs: the sessions to which the application lately gave an id, by the id.
//   - recordCounts: how many records users have at most.
//   - mintTurns: whose turn it is to mint for a session. Requests that come at once get one token.
//   - [MintMark]: a place in the order of requests and mints of this process.
//   - watches: the exchanges that last and want to know when their session is over.
package ledger
