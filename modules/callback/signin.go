package callback

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// StateCookie ties what comes back from the provider to the browser that a sign-in began in. It names one of the browser's
// sign-ins. Its name also begins those of the cookies that keep them: each sign-in has a cookie of its own, so that several that
// begin at the same moment don't write over one another.
const StateCookie = carrier.SignInPrefix + "state"

// usedCookie begins the names of the cookies that keep where a sign-in led that is over.
const usedCookie = carrier.SignInPrefix + "used"

// SignInTime is how long a sign-in may take.
const SignInTime = 10 * time.Minute

// What the cookies of a browser's sign-ins may take of its requests: their number, and the bytes of their names and values.
const (
	maxSignIns     = 5
	maxSignInBytes = 6 << 10
)

// The purposes name the keys that the cookies are sealed with: those of sign-ins, and the one that names a sign-in.
const (
	sealingPurpose = "callback"
	namingPurpose  = "callback browser"
)

// signIn is what is remembered of a sign-in between its start and its finish, and for a while after that. The browser keeps
// it, sealed.
type signIn struct {
	State    string         `json:"state"`              // what must come back (RFC 6749 section 10.12)
	Nonce    string         `json:"nonce,omitempty"`    // what the ID token must hold
	Verifier string         `json:"verifier,omitempty"` // that the code is redeemed with (RFC 7636)
	Issuer   string         `json:"issuer"`             // who was asked (RFC 9700 section 4.4)
	Realm    string         `json:"realm"`
	Return   string         `json:"return"`            // where the user goes afterwards
	Began    int64          `json:"began"`             // in seconds since 1970
	Since    int64          `json:"since,omitempty"`   // when the user must have signed in at the earliest; 0: at any time
	Earlier  *sessions.Hash `json:"earlier,omitempty"` // the session that the browser had, which is not sent from the provider's page
	Opened   *sessions.Hash `json:"opened,omitempty"`  // the session that the sign-in ended with; nil: it is under way
}

// cookieName returns the name of the cookie that keeps the sign-in of the state.
func cookieName(prefix, state string) string {
	hash := sha256.Sum256([]byte(state))
	return prefix + "_" + base64.RawURLEncoding.EncodeToString(hash[:12])
}

// name returns the name of the sign-in's cookie.
func (s signIn) name() string {
	if s.Opened != nil {
		return cookieName(usedCookie, s.State)
	}
	return cookieName(StateCookie, s.State)
}

// seal returns the cookie that keeps the sign-in.
func (s signIn) seal(keys *validator.KeySet) (*http.Cookie, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	sealed, err := keys.Seal(sealingPurpose, text)
	if err != nil {
		return nil, err
	}
	cookie := newSignInCookie(s.name(), sealed)
	cookie.MaxAge = int(SignInTime / time.Second)
	return cookie, nil
}

// isSame reports whether both are one sign-in.
func (s signIn) isSame(other signIn) bool { return s.State == other.State }

// used returns what is kept of the sign-in once it has opened a session.
func (s signIn) used(opened sessions.Hash, now time.Time) signIn {
	return signIn{State: s.State, Issuer: s.Issuer, Realm: s.Realm, Return: s.Return, Began: now.Unix(), Opened: &opened}
}

// newSignInCookie returns a cookie of a sign-in. The provider's form comes from another site, so that it must be SameSite=None.
func newSignInCookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode}
}

// removeSignInCookie returns the line that takes a cookie of a sign-in from the browser.
func removeSignInCookie(name string) string {
	cookie := newSignInCookie(name, "")
	cookie.MaxAge = -1
	return cookie.String()
}

// kept is a sign-in as a browser keeps it.
type kept struct {
	signIn
	cookie string // its name
	size   int    // of name and value
}

// browserSignIns are the sign-ins of one browser, those of other realms included.
type browserSignIns struct {
	known []kept
	dead  []string // names of cookies that no sign-in can be read from
	named string   // the state of the sign-in that StateCookie names; empty: none
}

// readSignIns reads the sign-ins of a browser. Those whose time is over, and those that were not sealed here, are dead.
func readSignIns(keys *validator.KeySet, cookies validator.Cookies, now time.Time) browserSignIns {
	var read browserSignIns
	if value, single := cookies.Only(StateCookie); single {
		if state, err := keys.Open(namingPurpose, value); err == nil {
			read.named = string(state)
		}
	}
	for _, one := range cookies {
		if !strings.HasPrefix(one.Name, StateCookie+"_") && !strings.HasPrefix(one.Name, usedCookie+"_") {
			continue
		}
		value, single := cookies.Only(one.Name)
		attempt, ok := openSignIn(keys, value, now)
		switch {
		case single && ok && attempt.name() == one.Name:
			read.known = append(read.known, kept{attempt, one.Name, len(one.Name) + len(one.Value)})
		case !slices.Contains(read.dead, one.Name):
			read.dead = append(read.dead, one.Name)
		}
	}
	return read
}

// openSignIn opens what a cookie keeps, and returns false for anything else than a sign-in whose time is not over.
func openSignIn(keys *validator.KeySet, value string, now time.Time) (signIn, bool) {
	text, err := keys.Open(sealingPurpose, value)
	if err != nil {
		return signIn{}, false
	}
	var attempt signIn
	if err := json.Unmarshal(text, &attempt, json.RejectUnknownMembers(true)); err != nil {
		return signIn{}, false
	}
	age := now.Sub(time.Unix(attempt.Began, 0))
	return attempt, attempt.State != "" && (attempt.Nonce != "") == (attempt.Opened == nil) && age >= 0 && age < SignInTime
}

var (
	errNoSignIn   = errors.New("no sign-in of this answer began in this browser within the last minutes; begin again")
	errUsedSignIn = errors.New("this sign-in is over; begin again")
)

// find returns the sign-in of the state that is under way, or that is over and led somewhere. It returns false unless the
// sign-in began in this browser, at this provider and for this realm. The browser finds it by the state, which is secret.
func (b browserSignIns) find(state, issuer, realm string) (signIn, bool) {
	if state == "" {
		return signIn{}, false
	}
	for _, isOver := range []bool{false, true} {
		for _, one := range b.known {
			if one.State == state && one.Issuer == issuer && one.Realm == realm && (one.Opened != nil) == isOver &&
				(isOver || b.isTied()) {
				return one.signIn, true
			}
		}
	}
	return signIn{}, false
}

// isTied reports whether StateCookie is of the same browser: it names one of the sign-ins that came with it.
func (b browserSignIns) isTied() bool {
	return b.named != "" && slices.ContainsFunc(b.known, func(one kept) bool { return one.State == b.named })
}

// naming returns the line with the StateCookie that names a sign-in which is under way, other than those that are over with the
// response. Without one, the line removes the cookie.
func (b browserSignIns) naming(keys *validator.KeySet, isOver func(signIn) bool) string {
	for _, one := range b.known {
		if one.Opened != nil || isOver(one.signIn) {
			continue
		}
		if named, err := nameSignIn(keys, one.State); err == nil {
			return named.String()
		}
	}
	return removeSignInCookie(StateCookie)
}

// nameSignIn returns the StateCookie that names the sign-in of the state.
func nameSignIn(keys *validator.KeySet, state string) (*http.Cookie, error) {
	sealed, err := keys.Seal(namingPurpose, []byte(state))
	if err != nil {
		return nil, err
	}
	cookie := newSignInCookie(StateCookie, sealed)
	cookie.MaxAge = int(SignInTime / time.Second)
	return cookie, nil
}

// opened returns the sessions of the realm that the browser's sign-ins ended with.
func (b browserSignIns) opened(realm string) []sessions.Key {
	var keys []sessions.Key
	for _, one := range b.known {
		if one.Realm == realm && one.Opened != nil {
			keys = append(keys, sessions.Key{Realm: realm, Hash: *one.Opened})
		}
	}
	return keys
}

// surplus returns the names of the cookies that must go so that one more of the size has room: the dead ones, then those of
// sign-ins that are over, and then the oldest.
func (b browserSignIns) surplus(size int) []string {
	names := slices.Clone(b.dead)
	left, total := slices.Clone(b.known), size
	for _, one := range left {
		total += one.size
	}
	slices.SortStableFunc(left, func(one, other kept) int {
		return cmp.Or(cmp.Compare(one.rank(), other.rank()), cmp.Compare(one.Began, other.Began))
	})
	for len(left) > 0 && (len(left) >= maxSignIns || total > maxSignInBytes) {
		names, total, left = append(names, left[0].cookie), total-left[0].size, left[1:]
	}
	return names
}

// rank orders sign-ins by what is lost without them.
func (k kept) rank() int {
	if k.Opened != nil {
		return 0
	}
	return 1
}

// of returns the names of the cookies of the realm's sign-ins, and of the dead ones.
func (b browserSignIns) of(realm string) []string {
	names := slices.Clone(b.dead)
	for _, one := range b.known {
		if one.Realm == realm {
			names = append(names, one.cookie)
		}
	}
	return names
}
