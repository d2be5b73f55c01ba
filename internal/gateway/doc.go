// Package gateway builds the example's gateway and runs it as a child process: for `go run ./example` and for the tests
// that drive a whole gateway from outside.
//
// It imports the standard library alone, so that a program that uses it compiles at once, long before Caddy has.
//
// A gateway writes below the one directory that it is given and nowhere else: HOME and the XDG directories of the child
// lie in it. What the child listens on and where the application is comes to the Caddyfile by environment variables,
// which are listed at [Config].
package gateway
