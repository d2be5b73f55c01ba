// Package redisstore keeps sessions and the blacklist's journal on a Redis or Valkey server that several gateways share.
//
// These hold throughout:
//
//   - A server that was emptied or exchanged is never taken for one on which nobody is revoked. A random text, the epoch, says
//     which store a gateway has joined. Each read of a record reads the epoch with it, and each write looks at it.
//   - Whether a record has expired is decided by the record and by the time that the caller passes. The server's own time to
//     live is an hour longer and only frees space.
//   - A script changes a record, all indexes that lead to it, and the counts in one step.
//   - The journal is a stream, the log, beside a hash of what is in force. Each entry of the log names the one before it, so that a
//     reader finds out what it has missed. A gateway that has missed something, and one that meets a server which has lost something,
//     compares what both have, and each tells the other what it lacks.
//   - A lift is remembered, with its place in the log, for longer than the entry would have been in force. What was lifted does not
//     come back by a gateway that was cut off meanwhile, nor by a write that arrives late.
//   - What the network delivers after its sender gave up does nothing: each script says until when it may run, by the server's clock.
//   - A write to the journal is acknowledged when the server and this gateway's own disk have it.
//   - No error and no name of a key holds a session id, a user, a token or a password.
package redisstore
