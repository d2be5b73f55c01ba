// Package routing finds mistakes in how the routes of a configuration are put together.
//
// [Read] reads the routes of the http app while they are provisioned, before anything is known of the handlers that come later.
// The functions of [Servers] are pure, and say only what is certain: where it depends on a request whether something goes wrong,
// or on a handler that is not known here, they say nothing.
package routing
