// Package server measures the whole server: what a request costs the gateway's process with all of HTTP, beside a Caddy that only
// proxies. The application and those who send requests are in another process.
package server
