// Package harness is what the tests of the whole gateway share: a [Gateway] in Caddy's own server with a store and a clock
// of its own, in front of a [Legacy] application, and a [Browser] that visits it.
//
// Each test starts a gateway for itself, or one for the rows of a table that share nothing but it. [AdminPost] and
// the like reach every gateway of the process, as the admin API does: a test that uses them does not run in parallel.
package harness
