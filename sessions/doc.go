// Package sessions defines what a session is and how sessions are kept.
//
// A [Session] is what the gateway remembers of one session of the application: who it belongs to and when that was last
// confirmed. It never holds the session id itself, only the SHA-256 of the id ([Hash]). So nobody can sign in with what the
// store holds.
//
// A [Store] keeps sessions. Its doc comment is the specification that every engine follows and that the suite in
// sessionstest checks. Engines live in packages below this one, and so do the sources that sessions are learned from.
package sessions
