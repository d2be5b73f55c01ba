// Package outcome finds out who a request is from.
//
// [Outcome.Decide] is the only place that asks: it verifies tokens, looks sessions up, asks the application, and asks identity
// providers for their keys. What it finds goes into a [validator.Verdict] by the pure functions [validator.Decide] and
// [validator.DecideAccess].
//
// These hold throughout:
//
//   - The store and the application are waited for only where a token does not decide.
//   - An outcome is written while the request is decided. After that, its methods alone add to it: [Outcome.Recorded] what it
//     finds, [Outcome.End] and [Outcome.Claim] what they do, and [Outcome.NoteRevoked] what the response shows.
package outcome
