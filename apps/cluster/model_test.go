package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// account is a user of the application. He has one session at a time.
type account struct {
	user string
	// partner: his sessions are opened and ended by the admin API, and the application knows nothing of them.
	partner bool
	// keeps: his browser keeps the token cookie.
	keeps bool

	current atomic.Pointer[login] // nil: he is signed out

	// changing is held by who signs him in or out, or revokes him.
	changing sync.Mutex
	// last is the last revocation of him or of a session of his, nil if there was none. It is guarded by changing.
	last *ruling
}

// login is one session of a user.
type login struct {
	id, user string
	opened   time.Time

	mutex   sync.Mutex
	tokens  []*token // that the gateways set; the last is the newest
	rulings []*ruling
	lenient bool
	lost    bool // the store has lost it, and nobody else knows it
}

// token is one that a gateway set for a session.
type token struct {
	text    string
	id      string // jti
	expires time.Time
	sent    time.Time // when the request was sent that brought it
	rulings []*ruling // about the token; guarded by the login's mutex
}

// verdict is what a ruling is.
type verdict string

// What takes a session or a token away.
const (
	signedOut    verdict = "sign-out"
	userRevoked  verdict = "user revoked"
	everywhere   verdict = "user revoked everywhere"
	sessRevoked  verdict = "session revoked"
	tokenRevoked verdict = "token revoked"
	tokensKilled verdict = "tokens revoked"
)

// ofToken reports whether the session goes on.
func (v verdict) ofToken() bool { return v == tokenRevoked || v == tokensKilled }

// mayMiss reports whether a gateway that a request was sent to may not know of the last revocation yet.
func (a *account) mayMiss(gateway int, sent time.Time) bool {
	if a.last == nil {
		return false
	}
	a.last.mutex.Lock()
	defer a.last.mutex.Unlock()
	return a.last.by != gateway && sent.Sub(a.last.acknowledged) < bound
}

// ruling is an end or a revocation. It is begun before it is requested.
type ruling struct {
	verdict verdict
	login   *login
	token   *token // if it is about one
	subject string // in the list of revocations; empty: it is not listed
	begun   time.Time

	mutex        sync.Mutex
	acknowledged time.Time // zero: not yet, and perhaps never
	by           int       // the gateway that did
	cancelled    bool      // it had no effect
	lifted       bool
	unwritten    bool // the gateway that acknowledged the end may not have been able to tell the others yet
	refused      [gateways]time.Time
}

// take adds a ruling about the session to what the login knows.
func (l *login) take(r *ruling) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if r.token != nil {
		r.token.rulings = append(r.token.rulings, r)
		return
	}
	l.rulings = append(l.rulings, r)
}

// newest returns the token that the browser has, or nil.
func (l *login) newest() *token {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.tokens) == 0 {
		return nil
	}
	return l.tokens[len(l.tokens)-1]
}

// keep keeps the token that an answer set.
func (l *login) keep(text string, sent time.Time) {
	parsed := readToken(text)
	parsed.sent = sent
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.tokens = append(l.tokens, parsed)
}

// drop forgets the token that an answer cleared.
func (l *login) drop(gone *token) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.tokens) > 0 && l.tokens[len(l.tokens)-1] == gone {
		l.tokens = l.tokens[:len(l.tokens)-1]
	}
}

func (l *login) excuse() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lenient = true
}

func (l *login) lose() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lenient, l.lost = true, true
}

// readToken reads what the test needs of a token. A token that can't be read never counts.
func readToken(text string) *token {
	read := &token{text: text}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return read
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return read
	}
	var claims struct {
		ID      string `json:"jti"`
		Expires int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return read
	}
	read.id, read.expires = claims.ID, time.Unix(claims.Expires, 0)
	return read
}

// acknowledge notes that a gateway acknowledged the ruling.
func (r *ruling) acknowledge(by int, at time.Time, unwritten bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.by, r.acknowledged, r.unwritten = by, at, unwritten
}

// cancel notes that the ruling never had an effect.
func (r *ruling) cancel() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.cancelled = true
}

func (r *ruling) lift() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lifted = true
}

func (r *ruling) isLifted() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.lifted
}

// seenRefused notes that a gateway refuses what the ruling is about.
func (r *ruling) seenRefused(gateway int, at time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.refused[gateway].IsZero() {
		r.refused[gateway] = at
	}
}

// effect is what a ruling means for a request.
type effect struct {
	// mayHit: the ruling was begun before the answer came.
	mayHit bool
	// until is the last time at which the gateway may admit what the ruling is about. It is zero if there is no such time.
	until time.Time
}

// effectOn returns what the ruling means for a request to a gateway that had this weather.
func (r *ruling) effectOn(a answer, skies *[gateways]*weather, p *pulse) effect {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case r.cancelled || a.came.Before(r.begun):
		return effect{}
	case r.acknowledged.IsZero() || r.lifted:
		return effect{mayHit: true}
	}
	sky := skies[a.gateway]
	until := r.acknowledged // on the gateway that acknowledged it
	if a.gateway != r.by {
		until = sky.deadline(r.acknowledged, bound)
		until = until.Add(p.missed(r.acknowledged, a.sent))
	}
	if r.unwritten && (a.gateway != r.by || sky.met(r.acknowledged, a.came, dead)) {
		// The application says so since then, and an answer of it is good for as long as a token.
		until = r.acknowledged.Add(lifetime + time.Second)
	}
	if seen := r.refused[a.gateway]; !seen.IsZero() && seen.Before(until) && !(r.unwritten && sky.met(r.acknowledged, a.came, dead)) {
		until = seen
	}
	return effect{mayHit: true, until: until}
}

// hashOf returns the hash by which a list names a session or a token.
func hashOf(text string) string { return sessions.Hash(sha256.Sum256([]byte(text))).String() }

// earlier returns the earlier of two times of which a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
