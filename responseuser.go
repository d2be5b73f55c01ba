package jwtsession

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/caching"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/response"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/refusal"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions/whoami"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// responseUser is how the application names the user in a header of its responses. The zero value does not listen.
type responseUser struct {
	header string
	// nobody holds the values that name nobody, and pattern says what user ids look like: as whoami has them.
	nobody  []string
	pattern whoami.Pattern
}

// prepareResponseUser checks the option.
func (h *Handler) prepareResponseUser() error {
	if h.ResponseUser == "" {
		return nil
	}
	name := http.CanonicalHeaderKey(h.ResponseUser)
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("response_user %q: not a header name (RFC 9110 section 5.1)", h.ResponseUser)
	}
	folded := identity.Fold(name)
	if slices.Contains(forbiddenResponseHeaders, folded) || strings.HasPrefix(folded, "content-") {
		return fmt.Errorf("response_user %s: this header has a meaning of its own, and it would be removed; choose another one", name)
	}
	h.responseUser = responseUser{header: name, nobody: defaultNobody}
	if h.whoami != nil {
		h.responseUser.nobody, h.responseUser.pattern = h.whoami.page.Nobody, h.whoami.page.Pattern
	}
	return nil
}

// forbiddenResponseHeaders can't name a user: browsers, caches and the server itself need them.
var forbiddenResponseHeaders = []string{
	"set-cookie", "cache-control", "age", "vary", "date", "expires", "etag", "last-modified", "location", "connection",
	"upgrade", "transfer-encoding", "trailer", "www-authenticate", "retry-after",
}

// validateResponseUser says whether anybody can become known: where the header is the only source, a session is known
// from the first answer on, so some request must go on before.
func (h *Handler) validateResponseUser() error {
	if h.ResponseUser == "" || h.Whoami != nil {
		return nil
	}
	if slices.ContainsFunc(h.Unauthenticated, func(rule *refusal.Rule) bool { return rule.Action == refusal.Pass }) {
		return nil
	}
	return fmt.Errorf("response_user %s: without whoami a session becomes known by an answer of the application, which no "+
		"request reaches; let some go on (unauthenticated [<matcher>] pass), or add whoami", h.ResponseUser)
}

// naming is what a response says of its user. The zero value says nothing.
type naming struct {
	user   string
	nobody bool
}

// hears says whether the naming leaves it possible that the response is of this user.
func (n naming) allows(user string) bool { return !n.nobody && (n.user == "" || n.user == user) }

// listening is what was known when the request went on.
type listening struct {
	question *ledger.Question // about the session that came; nil where none did
	key      sessions.Key
	since    time.Time
	other    bool // the application may know the user by another credential than the session
}

// listen begins to listen for who the response names. What ends the session from now on makes that void.
func (v *visit) listen() {
	if v.responseUser.header == "" || v.gateway == nil {
		return
	}
	v.listening.since = v.now
	v.listening.other = bringsOtherCredential(v.request, v.journey.Authorization, v.access.State)
	if v.credential.Presence == validator.Present && !v.withheld {
		v.listening.key = v.key()
		v.listening.question = v.gateway.Ledger.Ask(v.key())
	}
}

// stopListening gives up what was not answered.
func (v *visit) stopListening() {
	if v.listening.question != nil {
		v.listening.question.Withdraw()
	}
}

// take removes the header from a response and returns what it says, unless the response may be another visitor's.
func (u responseUser) take(status int, header http.Header, now time.Time) (naming, error) {
	values := header[u.header]
	if u.header == "" || len(values) == 0 {
		return naming{}, nil
	}
	delete(header, u.header)
	if caching.MayBeAnothers(status, header, now) {
		return naming{}, nil
	}
	user := trim(values[0])
	for _, other := range values[1:] {
		if trim(other) != user {
			return naming{}, errors.New("it names two users")
		}
	}
	switch {
	case user == "" || slices.Contains(u.nobody, user):
		return naming{nobody: true}, nil
	case !u.pattern.Match(user):
		return naming{}, errors.New("what it names can't be a user id")
	}
	return naming{user: user}, nil
}

// takeNaming removes the header from the response and returns what it says.
func (v *visit) takeNaming(status int, header http.Header) naming {
	named, err := v.responseUser.take(status, header, v.now)
	if err != nil {
		v.warn("the application's response_user header is ignored", zap.String("header", v.responseUser.header), zap.Error(err))
	}
	return named
}

// hear settles what the response says of its user: it is about the session cookies that the browser has after it.
func (v *visit) hear(named naming, header http.Header) {
	if named == (naming{}) {
		v.stopListening()
		return
	}
	if v.gateway == nil {
		return
	}
	cookies := sessionCookiesOf(v.effectOf(header).After)
	credential := v.sessionCookies.Read(cookies)
	key := sessions.Key{Realm: v.realm, Hash: credential.Hash}
	question := v.listening.question
	if credential.Presence != validator.Present || question != nil && v.gateway.Ledger.Revoked(v.listening.key) {
		// No session, or one that was revoked meanwhile: the new id may go on from it.
		v.response.Replaced = v.gateway.Ledger.IsUserRevoked(v.realm, named.user)
		return
	}
	if question == nil || key != v.listening.key {
		question = v.gateway.Ledger.AskSince(key, v.listening.since)
		defer question.Withdraw()
	}
	switch {
	case named.nobody:
		v.hearNobody(question)
	case v.listening.other: // who it is says nothing of the session cookies
		v.response.Replaced = named.user != v.decision.Identity.User && v.gateway.Ledger.IsUserRevoked(v.realm, named.user)
	case !v.isFresh(named.user, credential):
		v.hearUser(question, named.user, cookies, credential)
	}
}

// isFresh says whether the session is known as the user's, from so short a time ago that nothing is to be written.
func (v *visit) isFresh(user string, credential validator.SessionCredential) bool {
	of, _ := v.lineage()
	switch {
	case of.User != user || v.decision.Identity.User != user || !credential.Hash.Equal(v.credential.Hash) || v.ended:
		return false
	case v.record.User != "":
		return v.record.Source == sessions.Added ||
			v.now.Sub(v.record.Confirmed) < time.Duration(v.TokenLifetime-v.RenewBefore)
	default:
		return !v.isDue()
	}
}

// hearNobody ends the session that came, where somebody was known in it.
func (v *visit) hearNobody(question *ledger.Question) {
	if v.decision.Identity.User == "" || v.ended {
		return
	}
	err := question.Nobody(v.background(), 0)
	if errors.Is(err, ledger.ErrOvertaken) || errors.Is(err, ledger.ErrRevoked) {
		return
	}
	if v.end(); err != nil {
		v.warn("keeping the end of a session that a response told of", zap.Error(err))
	}
	v.tokenCookie = validator.ClearToken
}

// hearUser learns or confirms the session, and lets the response bring a token for it.
func (v *visit) hearUser(
	question *ledger.Question, user string, cookies validator.Cookies, credential validator.SessionCredential,
) {
	identity := ledger.Identity{User: user}
	if v.decision.Identity.User == user && credential.Hash.Equal(v.credential.Hash) {
		identity.Attributes = v.sessionAttributes() // the header says nothing of them
	}
	lifetimes := ledger.Lifetimes{Idle: time.Duration(v.SessionIdleTimeout), MaxAge: time.Duration(v.SessionMaxAge)}
	session, err := question.Identified(v.background(), identity, lifetimes)
	unkept, isUnkept := errors.AsType[*ledger.UnkeptError](err)
	if err == nil || isUnkept {
		v.heard = session
	}
	switch {
	case errors.Is(err, ledger.ErrRevoked):
		v.response.Replaced = true
		return
	case errors.Is(err, ledger.ErrOvertaken):
		return
	case isUnkept && unkept.Known:
		v.noteUnkept(unkept)
	case err != nil:
		v.warn("learning a session that a response names the user of", zap.Error(err))
		return
	}
	v.cookies, v.credential, v.record = cookies, credential, session
	v.ended, v.movesToken, v.learned, v.unkept = false, false, true, false
	switch {
	case v.mode == validator.Stateful || v.token.State == validator.TokenForeign:
	case v.isOutsideShare():
		v.tokenCookie = validator.ClearToken
	case v.isCurrent(session, time.Duration(v.TokenLifetime), v.now):
		v.useTokenCookie(validator.ReplaceToken)
	case v.tokenCookie == validator.ReplaceToken: // whoami is to tell more first
		v.tokenCookie = validator.ClearToken
	}
}

// sessionAttributes returns what is known of the user by the session that came, or by the token that stands for it. What an
// access token says beside them is not the session's, and lasts no longer than that token.
func (v *visit) sessionAttributes() sessions.Attributes {
	switch {
	case v.record.User != "":
		return v.record.Attributes
	case v.token.State == validator.TokenUsable && validator.Bind(v.token, v.credential) == validator.SameSession:
		return v.token.Claims.Attributes()
	default:
		return nil
	}
}

// withoutResponseUser returns a writer that keeps the header from the client, in interim responses too.
func (h *Handler) withoutResponseUser(w http.ResponseWriter) http.ResponseWriter {
	if h.responseUser.header == "" {
		return w
	}
	return response.WithoutHeader(w, h.responseUser.header)
}
