// Package policy holds what a prepared `jwt_session` handler wants of requests.
//
// A [Policy] is made once, when the handler is provisioned, and never changes. All that decides about a request and settles
// its response reads it, and nothing below the root package knows the handler itself.
package policy
