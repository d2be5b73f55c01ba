// Package backup defines the form of a backup. No engine owns it: each writes what its store holds, and makes a store out of
// what another has written.
//
// A backup is a line of text, the origin, the items, and an end:
//
//   - The line names the form and its version.
//   - The origin is the id of the store with its length, which is 0 if the store has none, and a time in seconds.
//   - A session is the byte 's', its realm with the length, its hash, and its record with the length, as
//     [record.AppendSession] writes it.
//   - An entry of the blacklist is the byte 'e', the bytes of its subject with their length, and those that
//     [record.AppendEntry] writes with theirs.
//   - The end is the byte 0, the number of items, and the SHA-256 of all that.
//
// Lengths and numbers are varints. Data that ends early or was changed is no backup, and neither is data with more behind the
// end. Nothing of a backup counts before the [Reader] has reached the end.
//
// A session may be in a backup more than once. The last one counts. A session that has ended may be there too, before or after
// the entry that says so, and the entry ends it even if it has expired: see [Ended].
//
// A backup holds user ids and attributes. It holds no session ids, tokens or keys.
package backup
