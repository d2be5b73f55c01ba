// Package keyring keeps the gateway's own signing keys in a storage that several gateways may share. It replaces them in
// time, so that no token is refused.
//
// One file holds the keys. The pure function planOf decides what the file means at a moment: which key signs, which keys
// verify, which are over, and whether a new one is due. The rest of the package reads and writes the file:
//
//   - The file is written only under the storage's lock, and only after it was read again under that lock. So if several
//     gateways find a new key due at the same time, one makes it.
//   - What is in memory is never written back, except to a storage of which there is a copy (see below). So a key that an emergency
//     dropped from the file does not come back through a gateway that has not noticed.
//   - A running gateway keeps its keys if the file can't be read or has gone. Keys are dropped before their time only if the
//     file does not hold them any more.
//   - A new key is published before it signs. An old key verifies after it has stopped signing for as long as the longest
//     token lives that any gateway on this storage was ever configured for.
//
// A server that several gateways use may be out of reach, may be emptied, and may lose its last writes. There each gateway keeps a
// copy of the file ([Options.Copy]). It starts with the copy while the server is out of reach, and with no keys at all if it has
// none. It puts back what the server has lost. The file says when the last emergency was, and of two files the one of the
// later emergency wins: so a gateway that was cut off can't undo an emergency, whoever is first to put the file back. Only an
// emergency that no running gateway and no copy knows of is lost with the server. Keys of the same emergency are put together, so
// that no token is refused because of a lost rotation.
//
// The package knows neither Caddy nor a logger. Caddy's storage implements [Storage].
package keyring
