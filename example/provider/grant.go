package provider

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"
)

// grant is what a code stands for.
type grant struct {
	authorization
	user  User
	until time.Time
}

// keep remembers the grant and returns its code. Those that were never redeemed are forgotten.
func (p *Provider) keep(granted grant) string {
	code := rand.Text()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for other, old := range p.codes {
		if !p.now().Before(old.until) {
			delete(p.codes, other)
		}
	}
	p.codes[code] = granted
	return code
}

// take returns the grant of a code, once.
func (p *Provider) take(code string) (grant, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	granted, known := p.codes[code]
	delete(p.codes, code)
	return granted, known && p.now().Before(granted.until)
}

// accepts says whether the verifier is the one that the client hashed when it asked (RFC 7636 section 4.6).
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
	client, known := p.authenticateClient(r)
	if !known {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		tokenError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		tokenError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	granted, known := p.take(r.PostForm.Get("code"))
	if !known || granted.client.ID != client.ID || r.PostForm.Get("redirect_uri") != client.RedirectURI ||
		!granted.accepts(r.PostForm.Get("code_verifier")) {
		tokenError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	tokens, err := p.issue(granted.authorization, granted.user)
	if err != nil {
		tokenError(w, http.StatusInternalServerError, "server_error")
		return
	}
	writeJSON(w, http.StatusOK, tokens)
}

func tokenError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"error": code})
}

// tokens is the answer of the token endpoint.
type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	ID        string `json:"id_token"`
	Scope     string `json:"scope"`
}

// issue makes the tokens of one sign-in.
func (p *Provider) issue(request authorization, user User) (tokens, error) {
	access, err := p.access(request, user)
	if err != nil {
		return tokens{}, err
	}
	id, err := p.id(request, user, access)
	if err != nil {
		return tokens{}, err
	}
	return tokens{
		Access: access, Type: "Bearer", ExpiresIn: int(accessLifetime / time.Second), ID: id,
		Scope: strings.Join(request.granted(user), " "),
	}, nil
}

// access makes an access token, of the form of RFC 9068.
func (p *Provider) access(request authorization, user User) (string, error) {
	now := p.now()
	return p.sign("at+jwt", accessClaims{
		Issuer: p.issuer, Subject: user.Subject, Audience: request.client.Audience, Client: request.client.ID, ID: rand.Text(),
		Scope: strings.Join(request.granted(user), " "), IssuedAt: now.Unix(), Expires: now.Add(accessLifetime).Unix(),
	})
}

// id makes the ID token that goes with an access token.
func (p *Provider) id(request authorization, user User, access string) (string, error) {
	now := p.now()
	claims := idClaims{
		Issuer: p.issuer, Subject: user.Subject, Audience: request.client.ID, Nonce: request.nonce,
		AccessHash: halfHash(access), IssuedAt: now.Unix(), AuthTime: now.Unix(), Expires: now.Add(idLifetime).Unix(),
	}
	if slices.Contains(request.granted(user), "profile") {
		claims.Name = user.FullName
	}
	return p.sign("JWT", claims)
}

// Sign makes the tokens of a sign-in at a client that did not take place, for tests: the ID token of one user, and the
// access token of the same or another.
func (p *Provider) Sign(client, user, accessUser, nonce string) (id, access string, err error) {
	known, _ := p.client(client)
	request := authorization{client: known, scope: []string{"openid"}, nonce: nonce}
	access, err = p.access(request, User{Subject: accessUser})
	if err != nil {
		return "", "", err
	}
	id, err = p.id(request, User{Subject: user}, access)
	return id, access, err
}

// accessClaims are those of an access token (RFC 9068 section 2.2).
type accessClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Client   string `json:"client_id"`
	ID       string `json:"jti"`
	Scope    string `json:"scope"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// idClaims are those of an ID token (OpenID Connect Core 1.0 section 2).
type idClaims struct {
	Issuer     string `json:"iss"`
	Subject    string `json:"sub"`
	Audience   string `json:"aud"`
	Nonce      string `json:"nonce,omitempty"`
	AccessHash string `json:"at_hash"`
	Name       string `json:"name,omitempty"`
	IssuedAt   int64  `json:"iat"`
	AuthTime   int64  `json:"auth_time"`
	Expires    int64  `json:"exp"`
}
