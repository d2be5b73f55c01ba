// Package record defines the bytes of a session and of a blacklist entry. All engines write them, and so do backups.
//
// The bytes hold no key: neither the realm and hash of a session nor the subject of an entry. Whoever keeps them keeps the
// key beside them, and a checksum if the medium has none. Numbers are varints, and times are seconds and nanoseconds.
package record
