package counter

import (
	"cmp"
	"embed"
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

//go:embed templates
var templates embed.FS

var counterPage = page.Parse(templates, "templates/counter.html")

// pageData is what the template reads.
type pageData struct {
	page.Page

	User     string // the user id; empty: nobody is signed in
	Name     string
	HasCart  bool // a cart came with the request
	Products []shop.Product
}

func (c *Counter) showPage(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get(page.UserHeader)
	page.Show(w, http.StatusOK, counterPage, pageData{
		Page: page.Page{Title: "The counter", Received: page.Read("counter", r, c.Now()), Trail: c.Trail.Newest()},
		User: user, Name: cmp.Or(r.Header.Get(page.NameHeader), user), HasCart: r.Header.Get(CartHeader) != "",
		Products: shop.Catalogue(),
	})
}
