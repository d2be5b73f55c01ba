// Package whoami asks the application who a session belongs to.
//
// The question is a GET request for one page of the application that goes through the rest of the route, inside the
// process, so that it reaches whatever the route leads to. Its way through the package is:
//
//	visitor's request ── Template.Prepare ──> Exchange      what is sent, and nothing else of the visitor's
//	Exchange ─────────── Exchange.Send ─────> Answer        status, header, body, or why there is none
//	Answer ───────────── Page.Read ─────────> Outcome       pure: Identified, Nobody or CouldNotTell
//	Queue.Do runs the three once per session, with limits
//
// These hold throughout:
//
//   - There are three outcomes. Whatever is not surely "this user" or "nobody" is [CouldNotTell]: an error of the route, a
//     timeout, a panic, an answer that a cache may have made, or one that can be read in two ways. So is a nil or zero value
//     of every type of this package.
//   - The question leaves no trace on the visitor's own request. It has a context, variables, placeholders, route groups and
//     a response header of its own. What the route does with it after the visitor has left touches nothing of his.
//   - The question can't ask again, because its context is marked. See [IsSubrequest].
//   - The application alone names the user. The caller chooses the Cookie lines that the question carries. Identity headers
//     and the placeholders of an identity are kept out.
//   - No reason and no error holds a cookie, a header or a part of a page, and neither does the text form of an [Answer].
//
// Only exchange.go, template.go and placeholders.go know Caddy.
package whoami
