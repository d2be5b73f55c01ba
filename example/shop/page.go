package shop

import (
	"embed"
	"html/template"
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
)

//go:embed templates
var templates embed.FS

// Every page is the layout with one template that fills its main part.
var (
	cataloguePage = parsePage("catalogue.html")
	loginPage     = parsePage("login.html")
	cartPage      = parsePage("cart.html")
	accountPage   = parsePage("account.html")
	messagePage   = parsePage("message.html")
)

func parsePage(name string) *template.Template {
	return page.Parse(templates, "templates/nav.html", "templates/"+name)
}

// pageData is what the templates read. Body is for the page's own one.
type pageData struct {
	page.Page

	User     User
	SignedIn bool
	CSRF     string
	InCart   int
	Links    []Link
	Body     any
}

// show writes a page. A visitor without a session gets one with it.
func (s *Shop) show(w http.ResponseWriter, visit visit, status int, parsed *template.Template, title string, body any) {
	visit = s.open(w, visit)
	data := pageData{
		Page: page.Page{Title: title, Received: visit.received, Trail: s.trail.Newest()},
		User: visit.session.user, SignedIn: visit.session.signedIn(), CSRF: visit.session.csrf, Links: s.links,
		Body: body,
	}
	for _, count := range visit.session.cart {
		data.InCart += count
	}
	page.Show(w, status, parsed, data)
}

func (s *Shop) showCatalogue(w http.ResponseWriter, _ *http.Request, visit visit) {
	s.show(w, visit, http.StatusOK, cataloguePage, "Teas", Catalogue())
}

// loginForm is what the sign-in page shows.
type loginForm struct {
	Next  string
	Wrong bool
	Users []User
}

// showLogin shows the form, or sends a user on who is signed in already and only came by.
func (s *Shop) showLogin(w http.ResponseWriter, r *http.Request, visit visit) {
	if visit.session.signedIn() && r.URL.Query().Has("next") {
		http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	form := loginForm{Next: localPath(r.URL.Query().Get("next")), Users: Users()}
	s.show(w, visit, http.StatusOK, loginPage, "Sign in", form)
}

func (s *Shop) showLoginAgain(w http.ResponseWriter, r *http.Request, visit visit) {
	form := loginForm{Next: localPath(r.PostFormValue("next")), Users: Users(), Wrong: true}
	s.show(w, visit, http.StatusForbidden, loginPage, "Sign in", form)
}

// cartLine is one product in the cart.
type cartLine struct {
	Product Product
	Count   int
	Sum     string
}

func (s *Shop) showCart(w http.ResponseWriter, _ *http.Request, visit visit) {
	var cart struct {
		Lines []cartLine
		Total string
	}
	total := 0
	for _, product := range Catalogue() {
		if count := visit.session.cart[product.ID]; count > 0 {
			cart.Lines = append(cart.Lines, cartLine{product, count, Euros(count * product.Cents)})
			total += count * product.Cents
		}
	}
	cart.Total = Euros(total)
	s.show(w, visit, http.StatusOK, cartPage, "Cart", cart)
}

// showAccount is for those who are signed in. The shop guards it by itself, as it did before there was a gateway.
func (s *Shop) showAccount(w http.ResponseWriter, r *http.Request, visit visit) {
	if !visit.session.signedIn() {
		http.Redirect(w, r, "/login?next=/account", http.StatusSeeOther)
		return
	}
	s.show(w, visit, http.StatusOK, accountPage, "Account", nil)
}

func (s *Shop) showRefusal(w http.ResponseWriter, visit visit) {
	s.show(w, visit, http.StatusForbidden, messagePage, "Form refused",
		"This form is not from the page you have open, or your session has ended. Go back, reload and try again.")
}

func (s *Shop) showMissing(w http.ResponseWriter, _ *http.Request, visit visit) {
	s.show(w, visit, http.StatusNotFound, messagePage, "Not found", "There is no such page in this shop.")
}
