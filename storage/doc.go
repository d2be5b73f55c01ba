// Package storage defines what a storage engine hands out: one open [Place], which keeps the sessions and the journal of
// the blacklist side by side.
//
// An engine opens a place and returns it; package ledger is its only user and closes it. The parts have contracts of their
// own: [sessions.Store] and [blacklist.Journal]. These hold for the place as a whole:
//
//   - An engine never takes an empty or another place for the one that it was asked for. It returns an error that wraps
//     [ErrOtherStore] instead: a store that is mistaken for a new one has forgotten every revocation.
//   - Both parts can be used while the place is open. Afterwards they return errors and never panic.
//
// An engine may do more than it must: see [Identifier], [Backuper], [Restorer] and [Checker].
package storage
