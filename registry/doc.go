// Package registry shares open things between those who use them at the same time in one process. The first user opens a
// thing, and the last one closes it.
//
// These hold throughout, for each key:
//
//   - No two things are ever open at once: an open begins only when the close before it has returned.
//   - A thing is closed when nobody holds a lease on it any more, at once and not before.
//   - An open that fails or panics leaves nothing behind, and the next one starts anew.
//   - A user who names other options than those of the open thing gets an error, and the thing stays as it is.
package registry
