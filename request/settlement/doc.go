// Package settlement settles the application's response: what it means for the session, and what becomes of the browser's
// token.
//
// The way of a response is [Settlement.Settle]: collect the evidence, ask [validator.Aftermath], carry the consequence out in
// the ledger, and let the carrier write what the grant makes, if the response may carry it.
//
// These hold throughout:
//
//   - What a response means is decided by the pure function alone. The ledger has the last word on whether it can be.
//   - An end is in force before the head of the response goes out.
//   - A token goes out only with a response that no cache keeps for somebody else, and only if the session is not over by then.
package settlement
