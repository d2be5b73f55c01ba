// Package paths measures what the gateway adds to a request on each way that requests take, beside what the floor handler adds.
// The paths, their goals and the bounds that fail the command are in one file, paths.go.
package paths
