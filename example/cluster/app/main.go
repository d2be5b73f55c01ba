// Command app is the shop of the example in a container of its own: compose.yaml puts the gateways in front of it. Its users'
// passwords are public, so nothing but the gateways may reach it.
//
//	app [<address>]    (default :8081)
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

func main() {
	address := ":8081"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	server := &http.Server{Addr: address, Handler: shop.New(time.Now, new(page.Trail)), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "app:", server.ListenAndServe()) // it never returns nil
	os.Exit(1)
}
