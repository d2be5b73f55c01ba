// Package response has writers that act when the head of a response goes out, whichever way that happens: a status is
// written, a body, a flush, a copy, or nothing at all.
//
// A [Writer] calls a function once, just before the head of the final response. [WithoutHeader] keeps one header of the
// application's from the client, in interim responses and trailers too. Neither buffers, and both keep what the writer below
// can do: flush, hijack and read from a reader.
package response
