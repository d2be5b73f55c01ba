// Package cluster tests several gateways on one Redis or Valkey server while everything around them fails: gateways and the
// server are killed, the server is paused and emptied, and networks are cut. RESULTS.md is what a run measured.
package cluster
