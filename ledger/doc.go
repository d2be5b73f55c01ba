// Package ledger is the one place where sessions are learned, ended and revoked and where minting is permitted, so that
// whatever happens at the same time settles in one order.
//
// A [Ledger] stands over one open store and is shared by all sites, handlers and configurations of the process. All that
// changes a session, or says something about it, goes through the ledger, under a lock of that session. These hold
// throughout:
//
//   - An end at second T kills every token of the session with auth_time at or before T, whenever it was minted, from
//     before [Ledger.End] returns until no such token can be alive.
//   - A session that is learned or opened after an end has an AuthTime after the end's second.
//   - An answer to a question that was asked before an end changes nothing: it is about a session that is no more.
//   - Tokens of one user are dead once the session is another user's.
//   - An end whose record could not be deleted, or that could not be made durable, is in force all the same; both are
//     tried again until they succeed, and no token is minted for that session before it is durable.
//   - A session that the application names and the store does not take counts for the request that asked, and no token is
//     minted for it: what is not kept could not be found by who is to end or revoke it.
//   - Whether a token is dead, and whether a session is revoked, is answered from memory.
//   - A revocation is durable and in force when it is acknowledged: from then on nothing that it is about passes, be it in
//     flight, learned by an answer that comes late, or before a restart. After an error nothing is acknowledged.
//   - What the operator said no to does not come back by the application's word alone. Of a user who is revoked, or one of
//     whose sessions is, a session counts that was known before and is not revoked itself, that was added later, or whose
//     id the application was seen to set in answer to a request from after the revocation.
//   - Where the application changes the id of a session with every answer, the session goes on under the new id and is no
//     more trusted than it was: AuthTime, confirmation and end stay where they are. Whatever ends or revokes it under one of
//     its ids does so under all of them, those that it gets from responses in flight included. An id that is known as
//     another session's, or as nobody's, is never taken for it.
//   - A user has at most [MaxRecords] records in a realm; those that were seen longest ago go. Of a session that the
//     application owns only the record goes, and one that was opened through the gateway ends. Ids that the application has
//     replaced go first, and their session goes on.
//   - A flush is an end of all that is known, and refuses nobody afterwards.
//   - What is lifted holds for nobody any more, and does not come back with a restart.
//
// Three kinds of locks keep the order, and are taken in the order of this list: that of a session, or of two or all
// sessions, by the order of their stripes; that of a user; those inside of what is used, which are held for no longer than a call.
package ledger
