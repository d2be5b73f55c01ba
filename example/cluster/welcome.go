package main

import (
	"io"
	"strings"
	"text/template"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

var welcomeText = template.Must(template.New("welcome").Parse(`
Three gateways share one server. Open this page:  http://{{.Cluster.Address}}/cluster/

  shop       http://{{.Cluster.Address}}/ (through one gateway after the other)
{{range .Cluster.Members}}  {{.Name}}  http://{{.Address}}/ with its admin API at http://{{.Admin}}/
{{end}}  server     {{.Cluster.Server.Name}} at {{.Cluster.Server.Address}}
{{range $i, $user := .Users}}{{if $i}}             {{else}}  users      {{end}}{{.Name}} with {{.Password}} ({{.Role}})
{{end}}  files      {{.Dir}}

What to try, on the page
  1. Sign in as alice and reload three times: another gateway serves each request, and all know her.
  2. Revoke her at gateway 1: the others refuse her a moment later. Sign in again.
  3. Kill gateway 2 and reload: the other two go on. Start it again: it knows what it missed.
  4. Kill the server and reload: the token goes on to let her in, for {{.Cluster.Bound}} after the gateways were cut off.
     Start the server again.
  5. Empty the server: the gateways write the revocations back. The sessions are learned anew from the shop.

The same by commands
  curl -X POST http://{{.Cluster.Address}}/cluster/gateways/2/kill     (or start; and server/kill, server/start, server/empty)
  curl -H 'Content-Type: application/json' -d '{"user":"alice"}' http://{{(index .Cluster.Members 0).Admin}}/jwt_session/revocations

docs/several-gateways.md says how to run this in earnest. Ctrl-C ends everything.
`))

// welcome says where everything is and what to try.
func welcome(stdout io.Writer, running *cluster, dir string) {
	views := make([]memberView, len(running.members))
	for i, member := range running.members {
		views[i] = memberView{Name: member.name, Address: member.config.Listen, Admin: member.config.Admin}
	}
	var text strings.Builder
	err := welcomeText.Execute(&text, struct {
		Cluster panelData
		Users   []shop.User
		Dir     string
	}{
		panelData{Address: running.address, Members: views, Server: viewOfServer(running.server), MaxStale: running.maxStale},
		shop.Users(), dir,
	})
	if err != nil {
		panic(err) // the template and its data are both fixed above
	}
	_, _ = io.WriteString(stdout, text.String())
}
