// Package application is the made-up application behind the gateway that is measured: it has users whose session cookies say
// who they are, and it costs next to nothing.
package application
