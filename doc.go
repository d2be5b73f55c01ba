// Package jwtsession is a Caddy module that moves an application from server-side sessions to JWTs at the gateway, without a
// change to the application. It has the handler `jwt_session`, the app of that name that its handlers share, their routes on
// Caddy's admin endpoint, and handlers that stand behind it, such as `jwt_session_require` and `jwt_session_state`.
//
// # The way of a request
//
// [Handler.ServeHTTP] calls serve. It removes what the client sent in the gateway's name, and what an application could take
// for a session cookie (internal/alias). It reads the credentials into a visit. Package validator decides: [validator.Decide]
// says who the request is from, and [validator.Pass] says whether the application may get its session cookies. Then the
// request goes on with the identity, or package refusal answers it.
//
// # The way of a response
//
// A writer (internal/response) calls settle just before the head of the response goes out. What the application did to the
// session counts first (internal/cookie): the ledger ends it, follows it or learns it. Only then a token is set or cleared
// (request/carrier), if no shared cache may keep the response (internal/caching).
//
// # The packages
//
//   - the root: the handler `jwt_session`, the modules that read what it decided, and the way of one request
//   - modules: one Caddy module each, that does not need a request's decision: admin, jwks, statuspage
//   - request/carrier, request/identity, request/refusal: how a token travels, who the user is, what refuses a request
//   - app: what all handlers of a configuration share; app/status tells of it
//   - validator: the decisions and the tokens; it alone uses a JOSE library
//   - sessions, blacklist, storage: what a session is, what was ended and revoked, and the place that keeps both
//   - ledger: where learning, ending, revoking and minting settle in one order
//   - keyring, issuer, registry: the gateway's own keys, identity providers, and what stays open across reloads
//   - internal: leaves that each do one job
//
// Arrows point down this list. A test holds every package to them.
//
// # What holds throughout
//
//   - Only a [validator.Verdict] that says so gives a request an identity; an unknown one denies.
//   - A request is decided once for each realm, however many handlers it meets.
//   - Nothing that a request uses is torn down by a reload: the store is leased, and its configuration's successor has
//     taken its own lease before the lease is given back.
//   - Provisioning opens, creates and locks nothing; the store is opened when the app starts or the first request comes.
//   - The app knows facts of its handlers ([app.Site]), and not the handlers.
package jwtsession
