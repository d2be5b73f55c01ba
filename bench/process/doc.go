// Package process runs each measurement in a process of its own, so that no measurement finds the heap, the goroutines or the
// caches of another one.
//
// The children are the rig's own program with the subcommand [Command]. Parent and child talk in JSON over the standard
// streams.
package process
