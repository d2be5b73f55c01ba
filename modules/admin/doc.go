// Package admin is the gateway's part of Caddy's admin endpoint: sessions, revocations, keys, the status and backups. It keeps
// nothing from provisioning, since Caddy provisions it apart from the apps: each request looks up the running configuration.
//
// Bodies are strict JSON. Ids and users stand in bodies, never in a URL, and no answer or log line repeats them.
package admin
