package provider

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// grant is what a code stands for.
type grant struct {
	authorization
	user  User
	until time.Time
}

// codes are the codes that wait to be redeemed.
type codes struct {
	now    func() time.Time
	mutex  sync.Mutex
	grants map[string]grant
}

// keep returns a code for a sign-in. It forgets the codes that were never redeemed in time.
func (c *codes) keep(request authorization, user User) string {
	code := rand.Text()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for other, old := range c.grants {
		if !c.now().Before(old.until) {
			delete(c.grants, other)
		}
	}
	c.grants[code] = grant{authorization: request, user: user, until: c.now().Add(codeLifetime)}
	return code
}

// take returns the grant of a code, once.
func (c *codes) take(code string) (grant, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	granted, known := c.grants[code]
	delete(c.grants, code)
	return granted, known && c.now().Before(granted.until)
}

// accepts reports whether the verifier is the one that the client hashed when it asked (RFC 7636 section 4.6).
func (g grant) accepts(verifier string) bool {
	hash := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(encode(hash[:])), []byte(g.challenge)) == 1
}

// redeem answers the token endpoint (RFC 6749 section 4.1.3).
func (p *Provider) redeem(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		tokenError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	client, known := p.clients.authenticate(r)
	if !known {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		tokenError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		tokenError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	granted, known := p.codes.take(r.PostForm.Get("code"))
	if !known || granted.client.ID != client.ID || r.PostForm.Get("redirect_uri") != client.RedirectURI ||
		!granted.accepts(r.PostForm.Get("code_verifier")) {
		tokenError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	tokens, err := p.mint.issue(granted.authorization, granted.user)
	if err != nil {
		tokenError(w, http.StatusInternalServerError, "server_error")
		return
	}
	writeJSON(w, http.StatusOK, tokens)
}

func tokenError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"error": code})
}
