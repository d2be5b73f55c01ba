// Package keyring keeps the gateway's own signing keys in a storage that several gateways may share, and changes them in
// time without a token being refused.
//
// One file holds the keys. What it amounts to at a moment is decided by one pure function, [planOf]: which key signs,
// which verify, which are over, whether a new one is due. All else is about reading and writing the file:
//
//   - It is written under the storage's lock alone, and only after it was read again under that lock: of gateways that find
//     a new key due at the same time one makes it.
//   - What is in memory is never written back. A key that an emergency dropped from the file can't come back with a
//     gateway that had not noticed.
//   - A file that can't be read, or has gone, takes no key from a running gateway: it goes on with what it knows. The one
//     thing that drops keys before their time is a file that does not name them any more.
//   - A new key is published before it signs, and an old one verifies after it stopped for as long as the longest lived
//     token that any gateway on this storage was ever configured for.
//
// It knows neither Caddy nor a logger: the storage is an interface that Caddy's fulfils.
package keyring
