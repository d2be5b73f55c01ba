// Package redistest starts real Redis and Valkey servers for tests: each on a free port of the loopback interface, with a
// directory of its own, and until the test ends.
//
// A test that needs a server runs with every engine of the machine. An engine that is missing is left out, which the test's
// log says; where the environment variable REQUIRE_APPS is set that is a failure.
package redistest
