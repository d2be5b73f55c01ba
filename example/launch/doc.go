// Package launch has what the programs that start an example have in common: they compile the gateway and say how it is going,
// choose addresses of loopback, serve what stands behind the gateway, and end when the go command that started them is gone.
//
// It imports the standard library alone, so that a program that uses it compiles at once, long before Caddy has.
package launch
