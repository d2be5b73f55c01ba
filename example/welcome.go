package main

import (
	"io"
	"strings"
	"text/template"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

var welcomeText = template.Must(template.New("welcome").Parse(`
The shop is open behind the gateway:  http://{{.Visit}}/
Its new counter is next to it:        http://{{.Visit}}/counter/

{{range $i, $user := .Users}}{{if $i}}             {{else}}  users      {{end}}{{.Name}} with {{.Password}} ({{.Role}})
{{end}}  provider   http://{{.Provider}}/ (the identity provider, with the same users)
  admin API  http://{{.Admin}}/
  log        {{.Log}}

What to try, in a browser
  1. The counter: fill the cart, sign in at the identity provider, order. The cart lives in a cookie that the page reads;
     an order needs the access token. The table below shows what each request carried and which way it took.
  2. The shop: sign in there. The first request goes by the session: the gateway asks the shop once who this is. Reload:
     now the token answers, without a look-up. After half a minute of use it is replaced.
  3. Points: a new service that has no sessions. It knows who is signed in to the shop by a token that it verifies itself.
  4. Sign out everywhere, at the counter, while another browser is signed in too: that one is told at once.

And at the admin API: the sessions that the gateway knows
  curl -s http://{{.Admin}}/jwt_session/sessions/list -H 'Content-Type: application/json' -d '{"realm":"shop"}'

More to try is in example/README.md. Ctrl-C ends everything.
`))

// welcome says where everything is and what to try.
func welcome(stdout io.Writer, visit, admin, provider, log string) {
	var text strings.Builder
	err := welcomeText.Execute(&text, struct {
		Visit, Admin, Provider, Log string
		Users                       []shop.User
	}{visit, admin, provider, log, shop.Users()})
	if err != nil {
		panic(err) // the template and its data are both fixed above
	}
	_, _ = io.WriteString(stdout, text.String())
}
