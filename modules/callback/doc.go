// Package callback is the handler `jwt_session_callback`. It signs users in at an OpenID provider and opens their sessions, and
// signs them out again.
//
// start.go sends the browser to the provider (authorization.go), signin.go holds what the browser remembers meanwhile, finish.go
// takes what comes back, failure.go says what went wrong, and signout.go ends it all. These hold throughout:
//
//   - A sign-in is finished in the browser that began it, once, and within ten minutes. Each has a cookie of its own.
//   - Whatever the session was before, a sign-in ends it and opens one under a new random id.
//   - What is kept of a sign-in that is over leads its browser on, and never opens a session.
//   - Where the provider or the store does not answer, the answer is 503, and the same sign-in may be finished later.
//   - No other site can sign a user out.
package callback
