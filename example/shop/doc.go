// Package shop is a small legacy web shop: server-side sessions in memory behind a cookie, a sign-in form, a cart. It
// stands for the applications that a gateway is put in front of, and it knows nothing of tokens.
//
// What an application of its kind can be relied on to do, this one does: it gives a visitor a session with the first
// page, a new session id at sign-in, and deletes the cookie at sign-out. [WhoamiPath] answers who is signed in and
// changes nothing.
//
// For the example it also shows, on every page, what it received with the request and which way the last requests took.
// It reads headers for that alone and never trusts them: who is signed in is what its own session says.
package shop
