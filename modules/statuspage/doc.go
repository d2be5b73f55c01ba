// Package statuspage is the Caddy handler `jwt_session_status`: a page for operators that is only to be read. It shows what
// the admin API's status tells, as charts, under a content security policy of its own.
package statuspage
