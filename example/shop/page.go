package shop

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed templates
var templates embed.FS

//go:embed style.css
var style string

// Every page is the layout with one template that fills its main part.
var (
	cataloguePage = parsePage("catalogue.html")
	loginPage     = parsePage("login.html")
	cartPage      = parsePage("cart.html")
	accountPage   = parsePage("account.html")
	messagePage   = parsePage("message.html")
)

func parsePage(name string) *template.Template {
	return template.Must(template.ParseFS(templates, "templates/layout.html", "templates/"+name))
}

// pageData is what the layout reads. Body is what the page's own template reads.
type pageData struct {
	Title    string
	Style    template.CSS
	User     User
	SignedIn bool
	CSRF     string
	InCart   int
	Received received
	Trail    []received
	Body     any
}

// show writes a page. A visitor without a session gets one with it.
func (s *Shop) show(w http.ResponseWriter, visit visit, status int, page *template.Template, title string, body any) {
	visit = s.open(w, visit)
	data := pageData{
		Title: title, Style: template.CSS(style), User: visit.session.user, SignedIn: visit.session.signedIn(),
		CSRF: visit.session.csrf, Received: visit.received, Trail: s.trail.newest(), Body: body,
	}
	for _, count := range visit.session.cart {
		data.InCart += count
	}
	var text bytes.Buffer
	if err := page.ExecuteTemplate(&text, "layout.html", data); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w)
}

func (s *Shop) showCatalogue(w http.ResponseWriter, _ *http.Request, visit visit) {
	s.show(w, visit, http.StatusOK, cataloguePage, "Teas", catalogue)
}

// loginForm is what the sign-in page shows.
type loginForm struct {
	Next  string
	Wrong bool
	Users []User
}

func (s *Shop) showLogin(w http.ResponseWriter, r *http.Request, visit visit) {
	form := loginForm{Next: localPath(r.URL.Query().Get("next")), Users: Users()}
	s.show(w, visit, http.StatusOK, loginPage, "Sign in", form)
}

func (s *Shop) showLoginAgain(w http.ResponseWriter, r *http.Request, visit visit) {
	form := loginForm{Next: localPath(r.PostFormValue("next")), Users: Users(), Wrong: true}
	s.show(w, visit, http.StatusForbidden, loginPage, "Sign in", form)
}

// cartLine is one product in the cart.
type cartLine struct {
	Product product
	Count   int
	Sum     string
}

func (s *Shop) showCart(w http.ResponseWriter, _ *http.Request, visit visit) {
	var cart struct {
		Lines []cartLine
		Total string
	}
	total := 0
	for _, product := range catalogue {
		if count := visit.session.cart[product.ID]; count > 0 {
			cart.Lines = append(cart.Lines, cartLine{product, count, euros(count * product.Cents)})
			total += count * product.Cents
		}
	}
	cart.Total = euros(total)
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
