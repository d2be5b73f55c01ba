// Package command is `caddy jwt-session`: what an operator does to a running gateway by its admin API, and to a store that
// is not in use.
//
// These hold throughout:
//
//   - What is secret can come from standard input, and is never printed: tokens, cookies and session ids.
//   - What comes from a server, a token or an argument is printed so that it does nothing to a terminal, in errors too.
//   - Everything that is printed for people is also there for programs, with --json.
//   - An exit code says what happened: see [Done] and the others.
//
// The commands speak to the gateway by the wire form of its admin API alone, so that one version's command line works with
// another one's gateway as far as that form is the same.
package command
