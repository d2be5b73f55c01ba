// Package sessions says what a session is and where sessions are kept.
//
// A [Session] is what the gateway remembers of one session of the application: who it belongs to and when that was last
// confirmed. It never holds the session id itself, only the id's SHA-256 ([Hash]): whoever reads the store can't sign in
// with what is found there.
//
// A [Store] keeps sessions. Its doc comment is the specification that every engine follows and that the suite in
// sessionstest checks. Engines live in packages below this one; so do the sources that sessions are learned from.
package sessions
