// Package policy holds what a prepared `jwt_session` handler wants of requests.
//
// A [Policy] is made once, when the handler is provisioned, and what it wants never changes. It also remembers which warnings
// were written, and what requests have shown of mistakes in the options. All that decides about a request and settles
// its response reads it, and nothing below the root package knows the handler itself.
package policy
