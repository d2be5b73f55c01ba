// Package scale measures what many sessions and many revocations cost: answers, memory, disk, starts, and how long everybody waits
// while something is done to all of them.
package scale
