// Package require is the handler `jwt_session_require`. It lets only those users pass whose attribute holds certain values.
//
// It stands behind a `jwt_session` handler and reads the decision of the last one. A route without one answers
// 500, so that a slip of the pen opens nothing.
package require
