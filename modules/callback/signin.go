package callback

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// StateCookie ties what comes back from the provider to the browser that the sign-in began in.
const StateCookie = "__Host-jwt_session_state"

// SignInTime is how long a sign-in may take.
const SignInTime = 10 * time.Minute

// sealingPurpose names the key that the state cookie is sealed with.
const sealingPurpose = "callback"

// signIn is what is remembered of a sign-in between its start and its finish. The browser keeps it, sealed.
type signIn struct {
	State    string         `json:"state"`    // what must come back (RFC 6749 section 10.12)
	Nonce    string         `json:"nonce"`    // what the ID token must hold
	Verifier string         `json:"verifier"` // that the code is redeemed with (RFC 7636)
	Issuer   string         `json:"issuer"`   // who was asked (RFC 9700 section 4.4)
	Realm    string         `json:"realm"`
	Return   string         `json:"return"`            // where the user goes afterwards
	Began    int64          `json:"began"`             // in seconds since 1970
	Earlier  *sessions.Hash `json:"earlier,omitempty"` // the session that the browser had, which is not sent from the provider's page
}

// sealSignIn returns the cookie that keeps the sign-in.
func sealSignIn(keys *validator.KeySet, attempt signIn) (*http.Cookie, error) {
	text, err := json.Marshal(attempt)
	if err != nil {
		return nil, err
	}
	sealed, err := keys.Seal(sealingPurpose, text)
	if err != nil {
		return nil, err
	}
	cookie := newStateCookie(sealed)
	cookie.MaxAge = int(SignInTime / time.Second)
	return cookie, nil
}

// newStateCookie returns the cookie; the provider's form comes from another site, so that it must be SameSite=None.
func newStateCookie(value string) *http.Cookie {
	return &http.Cookie{Name: StateCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode}
}

// clearStateCookie ends the sign-in in the browser.
func clearStateCookie(header http.Header) {
	cookie := newStateCookie("")
	cookie.MaxAge = -1
	header.Add("Set-Cookie", cookie.String())
}

var (
	errNoSignIn   = errors.New("no sign-in began in this browser within the last minutes; begin again")
	errUsedSignIn = errors.New("this sign-in is over; begin again")
)

// openSignIn reads the sign-in from the cookie. It returns an error unless the sign-in began at this provider for this realm,
// and its time is not over.
func openSignIn(keys *validator.KeySet, cookies validator.Cookies, issuer, realm string, now time.Time) (signIn, error) {
	value, ok := cookies.Only(StateCookie)
	if !ok {
		return signIn{}, errNoSignIn
	}
	text, err := keys.Open(sealingPurpose, value)
	if err != nil {
		return signIn{}, errNoSignIn
	}
	var attempt signIn
	if err := json.Unmarshal(text, &attempt, json.RejectUnknownMembers(true)); err != nil {
		return signIn{}, errNoSignIn
	}
	age := now.Sub(time.Unix(attempt.Began, 0))
	if attempt.Issuer != issuer || attempt.Realm != realm || attempt.State == "" || attempt.Nonce == "" ||
		age < 0 || age >= SignInTime {
		return signIn{}, errNoSignIn
	}
	return attempt, nil
}

// maxUsedStates is how many sign-ins are remembered as over. Only those that were finished count.
const maxUsedStates = 10_000

// usedStates remembers which sign-ins are over: each counts once, also for a client that keeps its cookie. Safe for
// concurrent use.
type usedStates struct {
	seen *remember.Memory[[sha256.Size]byte, struct{}]
}

// finishedSignIns are those of all callbacks and configurations of the process: a reload must not let one count again.
var finishedSignIns = newUsedStates()

func newUsedStates() *usedStates {
	return &usedStates{remember.New[[sha256.Size]byte, struct{}](maxUsedStates)}
}

// use reports whether the state was not used before, and uses it.
func (u *usedStates) use(state string) bool {
	seen := u.seen.Lock(sha256.Sum256([]byte(state)))
	defer seen.Unlock()
	_, used := seen.Get()
	if !used {
		seen.Put(struct{}{})
	}
	return !used
}
