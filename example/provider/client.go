package provider

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// Client is an application that may send its users here.
type Client struct {
	ID          string
	Secret      string // what it shows at the token endpoint
	RedirectURI string // the one address that users are sent back to, compared as text (RFC 9700 section 2.1)
	Audience    string // the claim aud of access tokens: the service that they are for
}

// clients are the clients that a provider knows.
type clients []Client

// find returns the client of the id.
func (c clients) find(id string) (Client, bool) {
	for _, client := range c {
		if client.ID == id {
			return client, true
		}
	}
	return Client{}, false
}

// authenticate returns the client that calls the token endpoint, by HTTP Basic or by the form (RFC 6749 section
// 2.3.1). A client that uses both at once is refused.
func (c clients) authenticate(r *http.Request) (Client, bool) {
	id, secret, basic := r.BasicAuth()
	if basic {
		var errID, errSecret error
		id, errID = url.QueryUnescape(id)
		secret, errSecret = url.QueryUnescape(secret)
		if errID != nil || errSecret != nil || r.PostForm.Has("client_secret") {
			return Client{}, false
		}
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client, known := c.find(id)
	same := subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) == 1
	return client, known && same && secret != ""
}
