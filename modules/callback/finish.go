package callback

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/cookie"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/secret"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/issuer"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/carrier"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// maxAnswer is how long a form of the provider may be.
const maxAnswer = 64 << 10

// answerParameters are the parameters of an answer that mean something here. Each may come once (RFC 6749 section 3.1).
var answerParameters = []string{"state", "iss", "error", "code", "id_token", "access_token", "token_type"}

// readAnswer returns the answer of the provider, which is in the query or, with form_post, in the form.
func readAnswer(w http.ResponseWriter, r *http.Request, response string) (url.Values, error) {
	var answer url.Values
	if response == ResponseFormPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
		if err := r.ParseForm(); err != nil {
			return nil, errors.New("the provider's form can't be read")
		}
		answer = r.PostForm
	} else {
		var err error
		if answer, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return nil, errors.New("the provider's answer can't be read")
		}
	}
	for _, name := range answerParameters {
		if len(answer[name]) > 1 {
			return nil, fmt.Errorf("the parameter %s came twice", name)
		}
	}
	return answer, nil
}

// finish takes what the provider sent back, and opens the session.
func (c *Callback) finish(w http.ResponseWriter, r *http.Request) error {
	parts, err := c.parts(w)
	if err != nil {
		return err
	}
	cookies, err := validator.ScanCookies(journey.Of(c.app.Names(), r).Cookies)
	if err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	user, attempt, err := c.signedIn(w, r, parts, cookies)
	if errors.Is(err, issuer.ErrUnavailable) {
		return unavailable(w, err) // the same answer may be brought again
	}
	if attempt.State != "" { // it is this sign-in's answer, and so its end
		clearStateCookie(w.Header())
	}
	if err == nil && !finishedSignIns.use(attempt.State) {
		err = errUsedSignIn
	}
	if err != nil {
		if check := c.logger.Check(zap.InfoLevel, "sign-in refused"); check != nil {
			check.Write(zap.String("realm", c.Realm), zap.Error(err))
		}
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	if err := c.openSession(w, r, parts, user, c.earlier(attempt, parts.site.Session.Cookies.Read(cookies))); err != nil {
		return unavailable(w, err)
	}
	http.Redirect(w, r, attempt.Return, http.StatusSeeOther)
	return nil
}

// signedInUser is the user who signed in, with the tokens that say so.
type signedInUser struct {
	token  *validator.IDToken
	tokens issuer.Tokens
	access *validator.AccessToken // nil: none is looked into
}

// signedIn checks the answer against the sign-in that began in this browser. Once it is clear that the answer is to that
// sign-in, signedIn returns the sign-in even with an error. No error repeats what came.
func (c *Callback) signedIn(
	w http.ResponseWriter, r *http.Request, parts signInParts, cookies validator.Cookies,
) (signedInUser, signIn, error) {
	answer, err := readAnswer(w, r, c.Response)
	if err != nil {
		return signedInUser{}, signIn{}, err
	}
	attempt, err := openSignIn(parts.gateway.Keys.Current(), cookies, c.Issuer, c.Realm, c.app.Now())
	if err != nil {
		return signedInUser{}, signIn{}, err
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(attempt.State)) != 1 {
		return signedInUser{}, signIn{}, errors.New("the answer is to another sign-in than the one of this browser; begin again")
	}
	metadata, err := parts.provider.Metadata(r.Context())
	if err != nil {
		return signedInUser{}, attempt, err
	}
	if (answer.Has("iss") || metadata.NamesIssuer) && answer.Get("iss") != c.Issuer {
		return signedInUser{}, attempt, errors.New("the answer is another provider's")
	}
	if answer.Has("error") {
		return signedInUser{}, attempt, errors.New("the provider did not sign the user in")
	}
	user := signedInUser{tokens: issuer.Tokens{ID: answer.Get("id_token"), Access: answer.Get("access_token")}}
	if c.Response == ResponseCode {
		if user.tokens, err = c.redeem(r, parts, attempt, answer.Get("code")); err != nil {
			return signedInUser{}, attempt, err
		}
	}
	return user, attempt, c.verify(r.Context(), parts, attempt, &user)
}

// redeem asks the provider for the tokens that the code stands for.
func (c *Callback) redeem(r *http.Request, parts signInParts, attempt signIn, code string) (issuer.Tokens, error) {
	if code == "" {
		return issuer.Tokens{}, errors.New("the answer holds no code")
	}
	return parts.provider.Redeem(r.Context(), issuer.Redemption{
		Client: issuer.Client{ID: c.clientID, Secret: c.secret}, Code: code, CodeVerifier: attempt.Verifier,
		RedirectURI: c.redirectURI(r, parts.site.Token.Cookie.IsSecure(r)),
	})
}

// verify verifies the tokens: both are this provider's, for this client and this sign-in, and of one user.
func (c *Callback) verify(ctx context.Context, parts signInParts, attempt signIn, user *signedInUser) error {
	now := c.app.Now()
	reason, err := parts.provider.Verify(ctx, func(keys *validator.ProviderKeys) (reason validator.Reason) {
		user.token, reason = keys.VerifyID(user.tokens.ID, validator.IDRules{
			Issuer: c.Issuer, ClientID: c.clientID, Nonce: attempt.Nonce, UserClaim: issuer.DefaultUserClaim,
			Leeway: issuer.DefaultLeeway, AccessToken: user.tokens.Access,
		}, now)
		return reason
	})
	if err == nil && reason != "" {
		err = fmt.Errorf("the ID token is not accepted: %s", reason)
	}
	if err != nil {
		return err
	}
	if c.Audience == "" {
		return c.verifySubject(ctx, parts, *user)
	}
	reason, err = parts.provider.Verify(ctx, func(keys *validator.ProviderKeys) (reason validator.Reason) {
		user.access, reason = keys.VerifyAccess(validator.TokenOf(user.tokens.Access), validator.AccessRules{
			Issuer: c.Issuer, Audiences: []string{c.Audience}, UserClaim: issuer.DefaultUserClaim, Leeway: issuer.DefaultLeeway,
		}, now)
		return reason
	})
	switch {
	case err != nil:
		return err
	case reason != "":
		return fmt.Errorf("the access token is not accepted: %s", reason)
	case user.access.User() != user.token.User():
		return errOtherSubject
	}
	return nil
}

// verifySubject compares the users of both tokens as far as the access token can be read here: it may be for a service that
// nobody named, and of a form that only that service knows.
func (c *Callback) verifySubject(ctx context.Context, parts signInParts, user signedInUser) error {
	keys, err := parts.provider.Keys(ctx)
	if err != nil {
		return err
	}
	if subject, known := keys.Subject(validator.TokenOf(user.tokens.Access)); known && subject != user.token.Subject() {
		return errOtherSubject
	}
	return nil
}

var errOtherSubject = errors.New("the access token is another user's than the ID token")

// earlier returns the sessions that the browser had: when the sign-in began, and now.
func (c *Callback) earlier(attempt signIn, now validator.SessionCredential) []sessions.Key {
	var keys []sessions.Key
	if attempt.Earlier != nil {
		keys = append(keys, sessions.Key{Realm: c.Realm, Hash: *attempt.Earlier})
	}
	if now.Presence == validator.Present {
		keys = append(keys, sessions.Key{Realm: c.Realm, Hash: now.Hash})
	}
	return keys
}

// openSession ends what the browser had, opens a session under a new id, and gives the browser its cookies.
func (c *Callback) openSession(
	w http.ResponseWriter, r *http.Request, parts signInParts, user signedInUser, earlier []sessions.Key,
) error {
	ctx := context.WithoutCancel(r.Context())
	for _, key := range earlier {
		if _, err := parts.gateway.Ledger.End(ctx, key, 0); err != nil {
			telemetry.CountStoreError(err)
			c.logger.Error("keeping the end of a session: it is in force, and will be tried again",
				zap.String("realm", c.Realm), zap.Error(err))
		}
	}
	attributes := make(sessions.Attributes)
	for _, name := range c.app.Names().AttributesOf(c.Realm) {
		attributes[name] = user.token.Attribute(name)
	}
	id := secret.New()
	_, err := parts.gateway.Ledger.Add(ctx, sessions.Key{Realm: c.Realm, Hash: sessions.HashOf(id)},
		ledger.Identity{User: user.token.User(), Attributes: attributes},
		ledger.Lifetimes{Idle: parts.site.Session.IdleTimeout, MaxAge: parts.site.Session.MaxAge})
	if err != nil {
		telemetry.CountStoreError(err)
		c.logger.Error("opening a session", zap.String("realm", c.Realm), zap.Error(err))
		return errors.New("the session store did not take the session")
	}
	name, _ := parts.site.Session.Cookies.Single()
	session := http.Cookie{Name: name, Value: id, HttpOnly: true, Path: "/"}
	if combined := parts.site.Token.InSessionCookie; combined != nil { // the token is to come into the same cookie
		session.Path, session.Domain = combined.Path, combined.Domain
	}
	c.setCookie(w, session)
	parts.gateway.Ledger.Places().Note(c.Realm, cookie.Exchange{
		Request: journey.Place(r), IsSession: parts.site.Session.Cookies.Match, Lines: w.Header()["Set-Cookie"], Now: c.app.Now(),
	})
	if c.IDTokenCookie != "" {
		c.setCookie(w, http.Cookie{Name: c.IDTokenCookie, Value: user.tokens.ID, Path: "/", MaxAge: c.remaining(user.token.Expires())})
	}
	if c.AccessTokenCookie != "" && user.access != nil {
		c.setCookie(w, http.Cookie{
			Name: c.AccessTokenCookie, Value: user.tokens.Access, Path: "/", MaxAge: c.remaining(user.access.Expires()), HttpOnly: true,
		})
	}
	for _, name := range []string{c.IDTokenCookie, c.AccessTokenCookie} {
		if name != "" && !cookie.Sets(w.Header()["Set-Cookie"], name) {
			w.Header().Add("Set-Cookie", carrier.RemoveSignIn(name)) // that of the earlier session
		}
	}
	return nil
}

// remaining returns how many seconds there are until then, at least one.
func (c *Callback) remaining(expires int64) int { return int(max(expires-c.app.Now().Unix(), 1)) }

// setCookie sets a cookie of the sign-in, unless browsers would not keep it.
func (c *Callback) setCookie(w http.ResponseWriter, set http.Cookie) {
	set.Secure, set.SameSite = true, http.SameSiteLaxMode
	line := set.String()
	if len(line) > carrier.MaxSetCookie {
		c.logger.Warn("a token is too large for a cookie, so it is not set", zap.String("realm", c.Realm),
			zap.String("cookie", set.Name), zap.Int("bytes", len(line)), zap.Int("limit", carrier.MaxSetCookie))
		return
	}
	w.Header().Add("Set-Cookie", line)
}
