// Package journey is what the modules that one request meets know of each other: the credentials as the client sent them,
// and what was decided for the last realm.
//
// [Of] begins the journey of a request with the first module that the request meets, and returns the same one to all
// others. A module that hides a credential from what comes behind therefore hides it from no other module of ours.
//
// These hold throughout:
//
//   - The credentials never change once the journey has begun.
//   - A [Decision] is what a `jwt_session` handler found out about the request. Other modules read it, and know nothing else
//     of the handler. It is there before the request goes on, and before a refusal reaches an error route.
//   - A journey stands among the variables of its request, which can be placeholders. It shows nothing there.
package journey
