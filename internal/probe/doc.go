// Package probe asks the whoami page of a configuration as the gateway would, and says in one sentence what to change.
//
// The configuration is provisioned in this process and never started: it listens nowhere, opens no store and obtains no
// certificate. One request without any cookie goes through its route as far as the handler `jwt_session`. From there on the
// questions are those of package question, and package whoami reads the answers: there is no second reader.
//
// These hold throughout:
//
//   - The cookie goes where the route leads and nowhere else. No redirect is followed.
//   - No value of a cookie is kept in a [Report]: there are names and lengths. A text of the application that holds the value
//     is shown without it.
//   - Package whoami bounds the answers and the time that they take.
package probe
