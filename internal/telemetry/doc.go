// Package telemetry counts what happens, for metrics, the status and traces, and keeps one condition from filling the log.
//
// Metrics live as long as the process, so that they go on counting across reloads. All their labels have values of closed
// sets. What is told apart by realm is for the status alone, since a realm may be made of a request's host. Nothing here
// holds a token, a cookie, a key or a session id. Everything is safe for concurrent use.
package telemetry
