// Package points is a new service of the example's shop: it says how many points a customer has. It keeps no session and
// believes no header. Who is asking it learns from the token that the gateway forwards, which it verifies by itself, with
// the public keys that the gateway publishes and with another library than the gateway's.
package points
