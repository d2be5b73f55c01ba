package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
)

// CookieName is the name of the cookie that carries the session id.
const CookieName = "session"

// WhoamiPath is the page that says who is signed in, as JSON: {"user":"alice","role":"customer"} or {"user":null}.
const WhoamiPath = "/whoami"

// maxForm is the longest form in bytes that is read.
const maxForm = 16 << 10

// Shop is the web shop as an [http.Handler]. It may be used by several goroutines.
type Shop struct {
	now      func() time.Time
	routes   *http.ServeMux
	sessions sessions
	trail    *page.Trail
	links    []Link
}

// Link is a link to something beside the shop, which all its pages show.
type Link struct{ Path, Name string }

// New returns a shop without sessions that reads the time from now, notes its requests in the trail, and shows the links.
func New(now func() time.Time, trail *page.Trail, links ...Link) *Shop {
	shop := &Shop{now: now, routes: http.NewServeMux(), trail: trail, links: links}
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request, visit){
		"GET /{$}":          shop.showCatalogue,
		"GET /login":        shop.showLogin,
		"POST /login":       shop.signIn,
		"POST /logout":      shop.signOut,
		"GET /cart":         shop.showCart,
		"POST /cart":        shop.changeCart,
		"GET /account":      shop.showAccount,
		"GET /received":     shop.showReceived,
		"/":                 shop.showMissing,
		"GET " + WhoamiPath: shop.answerWhoami,
	} {
		shop.routes.HandleFunc(pattern, shop.visited(handle))
	}
	shop.routes.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	return shop
}

// ServeHTTP implements [http.Handler].
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page.Protect(w.Header())
	s.routes.ServeHTTP(w, r)
}

// visit is one request with the session that it belongs to.
type visit struct {
	session  session // zero where the browser has none
	received page.Request
}

// visited notes the request, finds its session and checks that a form comes from one of the shop's own pages.
func (s *Shop) visited(handle func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		visit := visit{received: page.Read("shop", r, s.now())}
		s.trail.Add(visit.received)
		if cookie, err := r.Cookie(CookieName); err == nil {
			visit.session, _ = s.sessions.find(cookie.Value, s.now())
		}
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if !visit.session.accepts(r.PostFormValue("csrf")) {
				s.showRefusal(w, visit)
				return
			}
		}
		handle(w, r, visit)
	}
}

// open gives a visitor without a session one, and its cookie.
func (s *Shop) open(w http.ResponseWriter, visit visit) visit {
	if visit.session.id == "" {
		visit.session = s.sessions.open(s.now())
		setCookie(w, visit.session.id, 0)
	}
	return visit
}

func (s *Shop) signIn(w http.ResponseWriter, r *http.Request, visit visit) {
	user, found := authenticate(r.PostFormValue("user"), r.PostFormValue("password"))
	if !found {
		s.showLoginAgain(w, r, visit)
		return
	}
	session := s.sessions.signIn(visit.session.id, user, s.now())
	setCookie(w, session.id, 0)
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}

func (s *Shop) signOut(w http.ResponseWriter, r *http.Request, visit visit) {
	s.sessions.signOut(visit.session.id)
	setCookie(w, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Shop) changeCart(w http.ResponseWriter, r *http.Request, visit visit) {
	product, found := Find(r.PostFormValue("product"))
	if !found {
		s.showMissing(w, r, visit)
		return
	}
	count := func(before int) int { return min(before+1, 99) }
	if r.PostFormValue("change") == "remove" {
		count = func(int) int { return 0 }
	}
	s.sessions.change(visit.session.id, product.ID, count, s.now())
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}

// answerWhoami says who is signed in. It opens no session and changes none but for the idle clock, whoever asks.
func (s *Shop) answerWhoami(w http.ResponseWriter, _ *http.Request, visit visit) {
	var answer struct {
		User *string `json:"user"`
		Role string  `json:"role,omitempty"`
	}
	if visit.session.signedIn() {
		answer.User, answer.Role = &visit.session.user.Name, visit.session.user.Role
	}
	w.Header().Set("Content-Type", "application/json")
	// A write fails only where the reader has gone.
	_ = json.NewEncoder(w).Encode(answer)
}

// showReceived answers in plain text what the page shows in its table, for curl.
func (s *Shop) showReceived(w http.ResponseWriter, _ *http.Request, visit visit) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, header := range visit.received.Main {
		fmt.Fprintf(w, "%s: %s\n", header.Name, header.Value)
	}
}

// setCookie sets the session cookie; a negative age deletes it. It lacks Secure, as the cookies of many an old
// application do, and since the example is plain HTTP on loopback.
func setCookie(w http.ResponseWriter, id string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: id, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// localPath returns a path on this site to go on to, the front page where the text is none: a browser reads "//host"
// and "/\host" as another site.
func localPath(text string) string {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") ||
		strings.ContainsRune(text, '\\') || strings.ContainsFunc(text, control) {
		return "/"
	}
	return text
}
