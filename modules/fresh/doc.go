// Package fresh is the handler `jwt_session_fresh`. It lets only those users pass who signed in lately.
//
// It stands behind a `jwt_session` handler and reads the decision of the last one. A route without one answers 500. When the
// user signed in is the auth_time of the identity; an identity without one is never fresh.
package fresh
