// Package callback is the handler `jwt_session_callback`. It signs users in at an OpenID provider and opens their sessions.
//
// start.go sends the browser to the provider, signin.go holds what is remembered meanwhile, and finish.go takes what comes
// back. These hold throughout:
//
//   - A sign-in is finished in the browser that began it, once, and within ten minutes.
//   - Whatever the session was before, a sign-in ends it and opens one under a new random id.
//   - Where the provider or the store does not answer, the answer is 503, and the same sign-in may be finished later.
package callback
