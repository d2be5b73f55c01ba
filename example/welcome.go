package main

import (
	"io"
	"strings"
	"text/template"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

var welcomeText = template.Must(template.New("welcome").Parse(`
The shop is open behind the gateway:  http://{{.Visit}}/

{{range $i, $user := .Users}}{{if $i}}             {{else}}  users      {{end}}{{.Name}} with {{.Password}} ({{.Role}})
{{end}}  admin API  http://{{.Admin}}/
  log        {{.Log}}

What to try, in a browser
  1. Open the shop and sign in. The table below each page shows which way each request took: the gateway asks the shop
     once who this is (GET /whoami), that request goes by the session, and its answer brings a token.
  2. Reload. The request goes by the token, without a look-up. The shop sees its own cookie and OurApp-User-ID, not the
     token. After half a minute of use the token is replaced; the shop is asked again for that.
  3. Sign out. The token is dead at once. Open /account: the gateway itself sends you to the sign-in page.

And at the admin API: the sessions that the gateway knows
  curl -s http://{{.Admin}}/jwt_session/sessions/list -H 'Content-Type: application/json' -d '{"realm":"shop"}'

More requests to try are in example/README.md. Ctrl-C ends everything.
`))

// welcome says where everything is and what to try.
func welcome(stdout io.Writer, visit, admin, log string) {
	var text strings.Builder
	err := welcomeText.Execute(&text, struct {
		Visit, Admin, Log string
		Users             []shop.User
	}{visit, admin, log, shop.Users()})
	if err != nil {
		panic(err) // the template and its data are both fixed above
	}
	_, _ = io.WriteString(stdout, text.String())
}
