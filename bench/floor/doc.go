// Package floor is a handler to throw away: the least that a gateway can cost which does what the contract demands.
//
// It does by hand and without options what happens to each request of the paths that are measured: it takes the identity header
// from the client in all spellings and our cookie from the application, remembers tokens, looks at expiry, compares the session,
// asks for five kinds of revocation, sets placeholders, counts, and looks at the response. It verifies a token, reads a session
// from Badger, mints, and refuses. It does nothing else. Nobody may use it: what it leaves out is what keeps strangers out.
package floor
