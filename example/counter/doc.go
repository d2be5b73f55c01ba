// Package counter is the new part of the example's shop: a page with a cart that lives in the browser, and an API that
// takes orders.
//
// It keeps nothing of its visitors and has no sign-in of its own. Who is signed in it reads from the headers that the
// gateway sets, the cart from [CartHeader]; a new cart leaves it by [NewCartHeader]. It believes what it finds there, so it
// must be reachable through the gateway alone.
package counter
