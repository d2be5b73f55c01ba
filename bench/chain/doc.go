// Package chain loads a whole Caddy into this process and sends it requests as its listener would, without a network. So what
// is measured is Caddy's chain of handlers and nothing else.
//
// Before each measurement the users sign in, and Caddy is stopped and started again: then the records of their sessions are in
// tables on disk, where they are after a while in production. That they are is checked.
package chain
