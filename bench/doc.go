// Command bench measures what the gateway costs, prints the goals beside the results, and draws the break-even of tokens against
// look-ups. `go run ./bench --help` explains it.
//
// Each measurement runs in a process of its own, see package process. What is measured stands in one package each: paths (what a
// request costs on each of its ways), server (the same with all of HTTP), scale (many sessions and revocations) and breakeven.
package main
