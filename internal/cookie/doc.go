// Package cookie reads cookies as browsers do (RFC 6265bis). It knows nothing of sessions, tokens or requests of Caddy's.
//
// [ReadLine] is the one reader of Set-Cookie lines. Three questions are asked of what it reads: what a line does
// ([Line.Removes], [Sets]), what a response does to the cookies of a session ([Judge]), and in which place the browser
// keeps a cookie ([Line.Variant]). [Places] remembers in which places a value was seen set.
//
// These hold throughout:
//
//   - A browser keeps several cookies of one name, in different places. Lines for one place count in their order, and the
//     last one stands; lines for different places say nothing of each other.
//   - What is not known ends a session: only a place that is known not to hold a value makes a deletion harmless.
//   - No value of a cookie is kept; what is remembered of it is a keyed hash.
package cookie
