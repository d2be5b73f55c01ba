// Package strip is the handler `jwt_session_strip`. It removes from requests what clients must not send in the gateway's name, on routes
// that meet no `jwt_session` handler.
package strip
