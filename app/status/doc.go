// Package status tells how a running gateway does: its store, counts, keys, requests, look-ups, tokens and realms. The admin
// API answers with it, and the page for operators shows it. It names no user and no session, and holds no secret.
package status
