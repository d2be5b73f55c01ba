package floor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	realm    = "shop"
	lifetime = 5 * time.Minute
)

var (
	encoding = base64.RawURLEncoding.Strict()
	header   = encoding.EncodeToString([]byte(`{"alg":"HS256","kid":"0123456789abcdef","typ":"JWT"}`))

	errNotOurs = errors.New("no token of ours")
)

// claims is what a token or a record says.
type claims struct {
	Realm    string `json:"aud"`
	User     string `json:"sub"`
	Sealed   string `json:"sid"`
	ID       string `json:"jti"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	AuthTime int64  `json:"auth_time"`

	sessionID []byte
	session   [sha256.Size]byte // the hash of the session's id
}

// of reports whether the claims are about a session.
func (c *claims) of(session string) bool {
	return subtle.ConstantTimeCompare(c.sessionID, []byte(session)) == 1
}

// tokens signs and verifies tokens (HS256), with the session id sealed in them.
type tokens struct {
	macs *sync.Pool // of hash.Hash
	seal cipher.AEAD
}

// newTokens uses a fixed key: the tokens outlive a restart and protect nothing.
func newTokens() (tokens, error) {
	key := sha256.Sum256([]byte("a key that protects nothing"))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return tokens{}, err
	}
	seal, err := cipher.NewGCM(block)
	return tokens{&sync.Pool{New: func() any { return hmac.New(sha256.New, key[:]) }}, seal}, err
}

func (t tokens) sign(text []byte, signature *[sha256.Size]byte) {
	mac := t.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(text)
	mac.Sum(signature[:0])
	t.macs.Put(mac)
}

// verify returns the claims of a token that we have signed.
func (t tokens) verify(token string) (*claims, error) {
	rest, ours := strings.CutPrefix(token, header+".")
	payload, signature, parts := strings.Cut(rest, ".")
	if !ours || !parts {
		return nil, errNotOurs
	}
	var want, got [sha256.Size]byte
	if encoding.DecodedLen(len(signature)) != len(got) {
		return nil, errNotOurs
	}
	if _, err := encoding.Decode(got[:], []byte(signature)); err != nil {
		return nil, errNotOurs
	}
	t.sign([]byte(token[:len(header)+1+len(payload)]), &want)
	if !hmac.Equal(got[:], want[:]) {
		return nil, errNotOurs
	}
	text, err := encoding.DecodeString(payload)
	if err != nil {
		return nil, err
	}
	found := new(claims)
	if err := json.Unmarshal(text, found); err != nil {
		return nil, err
	}
	return found, t.open(found)
}

// open opens the sealed session id of verified claims.
func (t tokens) open(c *claims) error {
	sealed, err := encoding.DecodeString(c.Sealed)
	if err != nil || len(sealed) < t.seal.NonceSize() {
		return errNotOurs
	}
	nonce, sealed := sealed[:t.seal.NonceSize()], sealed[t.seal.NonceSize():]
	c.sessionID, err = t.seal.Open(sealed[:0], nonce, sealed, []byte(c.ID))
	c.session = sha256.Sum256(c.sessionID)
	return err
}

// mint returns a token for a session.
func (t tokens) mint(c *claims, session string, now time.Time) string {
	var random [16 + 12]byte
	_, _ = rand.Read(random[:]) // it never fails
	id := encoding.EncodeToString(random[:16])
	sealed := t.seal.Seal(append(make([]byte, 0, 128), random[16:]...), random[16:], []byte(session), []byte(id))
	text := bytes.NewBuffer(make([]byte, 0, 512))
	text.WriteString(`{"aud":"` + realm + `","sub":`)
	user, _ := json.Marshal(c.User) // a text has a JSON form
	text.Write(user)
	text.WriteString(`,"sid":"` + encoding.EncodeToString(sealed) + `","jti":"` + id + `","iat":`)
	text.WriteString(strconv.FormatInt(now.Unix(), 10))
	text.WriteString(`,"exp":` + strconv.FormatInt(now.Add(lifetime).Unix(), 10))
	text.WriteString(`,"auth_time":` + strconv.FormatInt(c.AuthTime, 10) + `}`)
	token := append(make([]byte, 0, 1024), header+"."...)
	token = encoding.AppendEncode(token, text.Bytes())
	var signature [sha256.Size]byte
	t.sign(token, &signature)
	return string(encoding.AppendEncode(append(token, '.'), signature[:]))
}
