// Package caching answers what caches may do with a response of an application. It reads header fields and nothing else.
//
// Three questions are asked. [MayCarry] reports whether a cookie of the gateway may be added to the response: no cache may
// hand it to the next visitor. [MayBeAnothers] reports whether the response may have been made for another visitor.
// [MayReuse] reports whether a shared cache may give an answer away without asking the application.
//
// These hold throughout:
//
//   - Every field that speaks to some caches alone counts: those of RFC 9213 (any name that ends in "Cache-Control") and
//     those of vendors. Such a field outranks Cache-Control for the caches that it is for, so it is judged by itself.
//   - What can't be read, or what two readers may read differently, counts as a permission to store.
package caching
