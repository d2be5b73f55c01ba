// Package redisstore keeps sessions and the blacklist's journal on a Redis or Valkey server that several gateways share.
//
// These hold throughout:
//
//   - A server that was emptied or exchanged is never taken for one on which nobody is revoked. A random text, the epoch, says
//     which store a gateway has joined. Each read of a record reads the epoch with it, and each write looks at it.
//   - Whether a record has expired is decided by the record and by the time that the caller passes. The server's own time to
//     live is an hour longer and only frees space.
//   - A script changes a record, all indexes that lead to it, and the counts in one step.
//   - No error and no name of a key holds a session id, a user, a token or a password.
package redisstore
