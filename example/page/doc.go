// Package page is what the pages of the example have in common: the layout, and below each page what came with the
// requests, in bytes, and which way the gateway let them take.
//
// The services behind the gateway read their headers for that with [Read]. What is shown here decides nothing.
package page
