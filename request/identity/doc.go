// Package identity tells the services behind who the user is, and keeps clients from doing so.
//
// [Headers] removes from a request what its client sent in the gateway's name: identity headers in every spelling that a
// server could take for one, the same in trailers, and their mention in Connection. Then it sets the identity, once. A
// [Principal] is the user that a request was found to be from; the zero value is nobody.
package identity
