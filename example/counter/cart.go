package counter

import (
	"encoding/json"
	"net/http"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

// Headers that carry the cart between the gateway and this service, as example/Caddyfile has it.
const (
	CartHeader    = "X-Cart"
	NewCartHeader = "X-New-Cart"
)

// maxCount is how many of one product a cart holds.
const maxCount = 99

// cart is what a visitor wants to buy. It is the JSON of the state cookie.
type cart struct {
	Items map[string]int `json:"items"`
}

// readCart returns the cart that came with the request, an empty one where none did.
func readCart(r *http.Request) cart {
	var read cart
	if err := json.Unmarshal([]byte(r.Header.Get(CartHeader)), &read); err != nil || read.Items == nil {
		return cart{Items: map[string]int{}}
	}
	return read
}

// send gives the cart to the gateway, which signs it into the browser's cookie.
func (c cart) send(w http.ResponseWriter) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	w.Header().Set(NewCartHeader, string(text))
	return nil
}

// add changes how many of a product there are.
func (c cart) add(product string, count int) {
	if after := min(c.Items[product]+count, maxCount); after > 0 {
		c.Items[product] = after
	} else {
		delete(c.Items, product)
	}
}

// total is what the cart costs and how many things are in it. Products that are no longer sold do not count.
func (c cart) total() (cents, count int) {
	for _, product := range shop.Catalogue() {
		cents += product.Cents * c.Items[product.ID]
		count += c.Items[product.ID]
	}
	return cents, count
}
