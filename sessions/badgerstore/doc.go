// Package badgerstore keeps sessions and the blacklist's journal in one directory on disk, in a Badger database.
//
// These hold throughout:
//
//   - The database is never closed while somebody uses it, which would end the process. Every use holds a lease, and
//     [DB.Close] waits for the leases. After Close, every method returns an error.
//   - A directory that held a store is never taken for an empty one. The file store-id and a key in the database hold the id
//     of the store. [Open] returns an error if one of them is missing or if they differ.
//   - A value that is not as it was written is an error, never an absence. Every value has a checksum over its key and
//     itself, and the tables are checked as a whole when they are opened.
//   - Nothing is written while the file system has less than 64 MiB left. Badger writes through memory maps, and a full
//     disk under such a map ends the process.
//   - The journal is on disk before it acknowledges. Sessions are not synced. They survive the end of the process however
//     it comes, and a loss of power costs at most the last ones, which the application knows.
//   - Whether a record has expired is decided by the record and by the time that the caller passes. Badger's own time to
//     live is an hour longer and only frees space.
//
// The damaged end of a write-ahead log (*.mem) is cut off without an error, as after a crash, if it held sessions alone: the
// application knows them. If the journal has acknowledged what it held, [Open] returns an error. The file journal-tally
// tells.
package badgerstore
