// Package apps holds rigs that run real legacy applications, and the test that puts the gateway in front of them.
// README.md says how to use the rigs by hand.
package apps
