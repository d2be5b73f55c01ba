// Package diagnosis notices that a configuration does not fit its application, by what requests come to.
//
// A mistake such as a wrong cookie name looks healthy: nothing fails, and nobody is ever signed in. [Findings] counts the few
// things that such mistakes have in common, and says once when one of them is plain. These hold throughout:
//
//   - What works is never in doubt: what has worked once since the configuration was loaded brings no finding any more.
//   - A request by token counts nothing, and all others look at one or two atomic values once things work.
//   - No finding holds a value of a cookie, a session, a user or a part of a page. The names of cookies are cut.
//   - What is kept is bounded, whatever clients send.
package diagnosis
