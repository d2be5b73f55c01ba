// Package registry shares open things between those who use them at the same time in one process: the first user opens,
// the last one closes.
//
// These hold throughout, for each key:
//
//   - No two things are ever open at once: an open begins only when the close before it has returned.
//   - A thing is closed only when nobody holds a lease on it, and then at once.
//   - An open that fails or panics leaves nothing behind; the next one starts anew.
//   - Whoever names other options than those a thing was opened with is refused, and the thing stays as it is.
package registry
