// Package exchange is one request's way through a `jwt_session` handler.
//
// [Route.Serve] is that way: what clients must not send is taken from the request, what came is read, who it is from is
// decided, and the request goes on or is refused. Its response is settled by the package settlement.
//
// These hold throughout:
//
//   - A request is decided once for a realm. Later handlers of the realm follow that decision, and are refused with 500 if
//     they ask for more than it says.
//   - Nothing goes on, to the application or to an error route, that carries a token of ours, an identity header of the
//     client's, or a session that nobody has decided about while a revocation is in force.
//   - Where it can't be told who the request is from, the answer is never 401, which would sign the user out.
//   - The token path waits for no disk, network or global lock.
package exchange
