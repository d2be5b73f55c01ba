// Package refusal says what to do with requests that have no signed-in user, and which requests of other origins to refuse.
//
// A [Rule] denies, passes or redirects the requests that it matches; the first one that matches counts, and where none
// does, the request is denied. A rule that closes counts if any reading of the path matches, and one that passes only if
// all do. [CrossSite] refuses unsafe requests and WebSocket handshakes that pages of other origins make.
package refusal
