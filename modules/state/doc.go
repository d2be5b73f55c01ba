// Package state is the handler `jwt_session_state`. It keeps a piece of the application's state in the browser, signed by the
// gateway.
//
// It stands behind a `jwt_session` handler and takes realm and user from the decision of the last one. A state
// never names a user: it has keys and a type of its own, and what does not count reaches the application as no header.
package state
