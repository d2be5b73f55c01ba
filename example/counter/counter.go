package counter

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

// Cookies of the sign-in and of the cart, as example/Caddyfile has them. The page reads the first two; a sign-out deletes
// all.
const (
	IDTokenCookie     = "id_token"
	CartCookie        = "cart"
	AccessTokenCookie = "access_token"
	SessionCookie     = "counter_session"
)

// Path is where the page is.
const Path = "/counter/"

// maxBody is the longest body in bytes that is read.
const maxBody = 4 << 10

// Options is what a counter is made with. All of it is required.
type Options struct {
	Now   func() time.Time
	Trail *page.Trail

	// Revoke tells the gateway that the user's sessions and tokens, wherever they are, no longer count.
	Revoke func(ctx context.Context, user string) error
}

// Counter is the service as an [http.Handler]. It may be used by several goroutines.
type Counter struct {
	Options

	routes *http.ServeMux
}

// New returns a counter.
func New(options Options) *Counter {
	counter := &Counter{Options: options, routes: http.NewServeMux()}
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /counter/{$}":                counter.showPage,
		"POST /counter/api/cart":          counter.changeCart,
		"POST /counter/api/order":         counter.order,
		"POST /counter/logout":            counter.signOut,
		"POST /counter/logout/everywhere": counter.signOutEverywhere,
		"GET /counter/live":               counter.live,
	} {
		counter.routes.HandleFunc(pattern, counter.noted(handle))
	}
	counter.routes.HandleFunc("GET /counter/requests", func(w http.ResponseWriter, _ *http.Request) {
		page.ShowTrail(w, counter.Trail)
	})
	counter.routes.HandleFunc("GET /counter/page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(script)
	})
	return counter
}

// ServeHTTP implements [http.Handler].
func (c *Counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page.Protect(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	c.routes.ServeHTTP(w, r)
}

func (c *Counter) noted(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.Trail.Add(page.Read("counter", r, c.Now()))
		handle(w, r)
	}
}

// change is what the page sends to change the cart.
type change struct {
	Product string `json:"product"`
	Count   int    `json:"count"`
}

func (c *Counter) changeCart(w http.ResponseWriter, r *http.Request) {
	var wanted change
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "want a product and a count"})
		return
	}
	if _, sold := shop.Find(wanted.Product); !sold || wanted.Count < -maxCount || wanted.Count > maxCount {
		answer(w, http.StatusNotFound, map[string]string{"error": "there is no such tea"})
		return
	}
	cart := readCart(r)
	cart.add(wanted.Product, wanted.Count)
	c.sendCart(w, cart, cart)
}

// receipt is the answer to an order.
type receipt struct {
	Order string `json:"order"`
	User  string `json:"user"`
	Count int    `json:"count"`
	Total string `json:"total"`
}

// order sells what is in the cart. That the user may buy is for the gateway to see to: it asks for an access token with
// the scope.
func (c *Counter) order(w http.ResponseWriter, r *http.Request) {
	cents, count := readCart(r).total()
	if count == 0 {
		answer(w, http.StatusConflict, map[string]string{"error": "the cart is empty"})
		return
	}
	c.sendCart(w, cart{Items: map[string]int{}}, receipt{
		Order: rand.Text()[:8], User: r.Header.Get(page.UserHeader), Count: count, Total: shop.Euros(cents),
	})
}

// sendCart answers, with a new cart for the gateway beside it.
func (c *Counter) sendCart(w http.ResponseWriter, cart cart, body any) {
	if err := cart.send(w); err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": "the cart could not be written"})
		return
	}
	answer(w, http.StatusOK, body)
}

// signOut deletes the cookies that this part of the shop put to use. The gateway ends the session: it sees the path.
func (c *Counter) signOut(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{IDTokenCookie, CartCookie, AccessTokenCookie, SessionCookie} {
		http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
	}
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

// signOutEverywhere also ends what the user has in other browsers, and in the shop.
func (c *Counter) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	if user := r.Header.Get(page.UserHeader); user != "" {
		if err := c.Revoke(r.Context(), user); err != nil {
			http.Error(w, "The gateway did not take it. You are still signed in.", http.StatusBadGateway)
			return
		}
	}
	c.signOut(w, r)
}

//go:embed page.js
var script []byte

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A write fails only where the reader has gone.
	_ = json.NewEncoder(w).Encode(body)
}
