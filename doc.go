// Package jwtsession is a Caddy module that moves an application from server-side sessions to JWTs at the gateway,
// without a change to the application: the handler `jwt_session`, the app of that name that its handlers share, their routes on
// Caddy's admin endpoint, and handlers that stand behind it, such as `jwt_session_require` and `jwt_session_state`.
//
// The way of a request through the handler is the method serve: what the client sent in our name is removed, the
// credentials are read (a visit), the decision is made by package validator alone, and the request goes on or is refused.
// Before the head of the response goes out, the visit is settled: what the application did to the session counts first,
// and only then is a token set or cleared.
//
// These hold throughout:
//
//   - Only a [validator.Verdict] that says so gives a request an identity; an unknown one denies.
//   - A request is decided once for each realm, however many handlers it meets.
//   - Nothing that a request uses is torn down by a reload: the store is leased, and its configuration's successor has
//     taken its own lease before the lease is given back.
//   - Provisioning opens, creates and locks nothing; the store is opened when the app starts or the first request comes.
package jwtsession
