// Package jwtsession is a Caddy module that moves an application from server-side sessions to JWTs at the gateway, without a
// change to the application. The root has the options of the handler `jwt_session`, its Caddyfile directive, and what is
// checked about both. A provisioned [Handler] is a prepared route, which serves the requests.
//
// # The way of a request
//
// Read request/exchange, Route.Serve. It strips what the client sent in the gateway's name. It reads what came into an
// arrival (request/arrival). It finds out who the request is from (request/outcome): that package verifies tokens, looks
// sessions up and asks the application (request/question), and [validator.Decide] gives the verdict. [validator.Pass] says
// whether the application may get its session cookies. Then the request goes on with the identity (request/identity), or a
// rule answers it (request/refusal).
//
// # The way of a response
//
// Read request/settlement, Settlement.Settle. It runs just before the head of the response goes out (internal/response). It
// collects what the application did (internal/cookie) and whom it named, and asks [validator.Aftermath] what that means for
// the session. The ledger ends it, follows it or learns it. Only then a token is made (request/grant) and a cookie carries it
// (request/carrier), if no shared cache may keep the response (internal/caching).
//
// # The packages
//
//   - the root: options, Caddyfile, contradictions
//   - modules: one Caddy module each; those that need a request's decision read it from request/journey
//   - request: the way of one request, as above; request/policy is what the options want, in values; request/diagnosis notices
//     options that do not fit the application
//   - app: what all handlers of a configuration share; app/status tells of it, and app/routing reads how the routes are put
//     together
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
