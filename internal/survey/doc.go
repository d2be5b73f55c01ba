// Package survey looks at an application from outside: which cookies it sets, and which of its pages could say who is signed in.
//
// These hold throughout:
//
//   - It sends GET requests for a short list of pages to the one address that it is given, and follows no redirect.
//   - It signs nobody in, and asks for no page that signs out.
//   - How much it reads, and how long it waits, is bounded.
//   - A [Survey] holds names and lengths of cookies, and no values.
package survey
