package callback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

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
	answer, err := readAnswer(w, r, c.Response)
	if err != nil {
		return c.fail(w, r, err, "")
	}
	began := readSignIns(parts.gateway.Keys.Current(), cookies, c.app.Now())
	earlier := append(began.opened(c.Realm), c.sessionOf(parts, cookies)...)
	attempt, known := began.find(answer.Get("state"), c.Issuer, c.Realm)
	switch {
	case !known:
		return c.fail(w, r, &failure{notBegun, errNoSignIn}, "")
	case attempt.Opened != nil: // the browser's button that leads back
		if !c.isSignedIn(r.Context(), parts, cookies, earlier) {
			return c.fail(w, r, &failure{used, errUsedSignIn}, attempt.Return)
		}
		http.Redirect(w, r, attempt.Return, http.StatusSeeOther)
		return nil
	}
	if parts.gateway.IsCutOff() {
		return unavailable(w, errStore) // before the provider is asked, whose code counts once
	}
	user, err := c.signedIn(r, parts, answer, attempt)
	if err == nil {
		err = c.use(r.Context(), parts, attempt)
	}
	if errors.Is(err, issuer.ErrUnavailable) || errors.Is(err, errStore) {
		return unavailable(w, err) // the same answer may be brought again
	}
	w.Header().Add("Set-Cookie", removeSignInCookie(attempt.name())) // it is this sign-in's answer, and so its end
	w.Header().Add("Set-Cookie", began.naming(parts.gateway.Keys.Current(), attempt.isSame))
	if err != nil {
		return c.fail(w, r, err, attempt.Return)
	}
	if attempt.Earlier != nil {
		earlier = append(earlier, sessions.Key{Realm: c.Realm, Hash: *attempt.Earlier})
	}
	opened, err := c.openSession(w, r, parts, user, earlier)
	if err != nil {
		return unavailable(w, err)
	}
	if over, err := attempt.used(opened, c.app.Now()).seal(parts.gateway.Keys.Current()); err == nil {
		http.SetCookie(w, over)
	}
	http.Redirect(w, r, attempt.Return, http.StatusSeeOther)
	return nil
}

var errStore = errors.New("the session store does not answer")

// use ends the sign-in: its answer counts no more, on any gateway. The error is a [failure] if another answer came before, and
// errStore if that can't be told.
func (c *Callback) use(ctx context.Context, parts signInParts, attempt signIn) error {
	first, err := finishedSignIns.use(context.WithoutCancel(ctx), parts.gateway.Notes(), attempt.State)
	switch {
	case err != nil:
		telemetry.CountStoreError(err)
		c.logger.Error("keeping that a sign-in is over", zap.String("realm", c.Realm), zap.Error(err))
		return errStore
	case !first:
		return &failure{used, errUsedSignIn}
	}
	return nil
}

// fail answers that nobody was signed in. The user may begin again, for the page that the sign-in was for.
func (c *Callback) fail(w http.ResponseWriter, r *http.Request, err error, back string) error {
	if check := c.logger.Check(zap.InfoLevel, "sign-in refused"); check != nil {
		check.Write(zap.String("realm", c.Realm), zap.String("reason", string(reasonFor(err))), zap.Error(err))
	}
	return answerFailure(w, r, err, startAgain(c.Start, back))
}

// sessionOf returns the session that the browser has now, if it has one.
func (c *Callback) sessionOf(parts signInParts, cookies validator.Cookies) []sessions.Key {
	now := parts.site.Session.Cookies.Read(cookies)
	if now.Presence != validator.Present {
		return nil
	}
	return []sessions.Key{{Realm: c.Realm, Hash: now.Hash}}
}

// isSignedIn reports whether the browser that has finished a sign-in still has a session: the one in its cookie or, where that
// is not sent from the provider's page, one that its sign-ins ended with.
func (c *Callback) isSignedIn(ctx context.Context, parts signInParts, cookies validator.Cookies, opened []sessions.Key) bool {
	if has := c.sessionOf(parts, cookies); len(has) > 0 {
		opened = has
	}
	return slices.ContainsFunc(opened, func(key sessions.Key) bool {
		_, active, err := parts.gateway.Ledger.Active(ctx, key)
		return err == nil && active
	})
}

// signedInUser is the user who signed in, with the tokens that say so.
type signedInUser struct {
	token  *validator.IDToken
	tokens issuer.Tokens
	access *validator.AccessToken // nil: none is looked into
}

// signedIn checks the answer to a sign-in that began in this browser. No error repeats what came.
func (c *Callback) signedIn(r *http.Request, parts signInParts, answer url.Values, attempt signIn) (signedInUser, error) {
	metadata, err := parts.provider.Metadata(r.Context())
	if err != nil {
		return signedInUser{}, err
	}
	if (answer.Has("iss") || metadata.NamesIssuer) && answer.Get("iss") != c.Issuer {
		return signedInUser{}, errors.New("the answer is another provider's")
	}
	if answer.Has("error") {
		return signedInUser{}, &failure{reasonOf(answer.Get("error")), errors.New("the provider did not sign the user in")}
	}
	user := signedInUser{tokens: issuer.Tokens{ID: answer.Get("id_token"), Access: answer.Get("access_token")}}
	if c.Response == ResponseCode {
		if user.tokens, err = c.redeem(r, parts, attempt, answer.Get("code")); err != nil {
			return signedInUser{}, err
		}
	}
	err = c.verify(r.Context(), parts, attempt, &user)
	return user, err
}

// redeem asks the provider for the tokens that the code stands for.
func (c *Callback) redeem(r *http.Request, parts signInParts, attempt signIn, code string) (issuer.Tokens, error) {
	if code == "" {
		return issuer.Tokens{}, errors.New("the answer holds no code")
	}
	return parts.provider.Redeem(r.Context(), issuer.Redemption{
		Client: c.client, Code: code, CodeVerifier: attempt.Verifier,
		RedirectURI: c.address(r, parts.site, c.Finish),
	})
}

// verify verifies the tokens: both are this provider's, for this client and this sign-in, and of one user.
func (c *Callback) verify(ctx context.Context, parts signInParts, attempt signIn, user *signedInUser) error {
	now := c.app.Now()
	reason, err := parts.provider.Verify(ctx, func(keys *validator.ProviderKeys) (reason validator.Reason) {
		user.token, reason = keys.VerifyID(user.tokens.ID, validator.IDRules{
			Issuer: c.Issuer, ClientID: c.client.ID, Nonce: attempt.Nonce, UserClaim: c.UserClaim, SignedInSince: attempt.Since,
			Leeway: issuer.DefaultLeeway, AccessToken: user.tokens.Access, HashOptional: c.Response == ResponseCode,
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
	case user.access.User() != user.token.Subject():
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

// openSession ends what the browser had, opens a session under a new id, and gives the browser its cookies. It returns the hash
// of the id.
func (c *Callback) openSession(
	w http.ResponseWriter, r *http.Request, parts signInParts, user signedInUser, earlier []sessions.Key,
) (sessions.Hash, error) {
	ctx := context.WithoutCancel(r.Context())
	for _, key := range earlier {
		if _, err := parts.gateway.Ledger.End(ctx, key, 0); err != nil {
			telemetry.CountStoreError(err)
			c.logger.Error("keeping the end of a session: it is in force, and will be tried again",
				zap.String("realm", c.Realm), zap.Error(err))
		}
	}
	id := secret.New()
	opened := sessions.HashOf(id)
	_, err := parts.gateway.Ledger.Add(ctx, sessions.Key{Realm: c.Realm, Hash: opened},
		ledger.Identity{
			User: user.token.User(), Attributes: c.attributes(user.token),
			Provider: sessions.ProviderSessionOf(c.Issuer, user.token.Attribute("sid").Texts()...),
		},
		ledger.Lifetimes{Idle: parts.site.Session.IdleTimeout, MaxAge: parts.site.Session.MaxAge})
	if err != nil {
		telemetry.CountStoreError(err)
		c.logger.Error("opening a session", zap.String("realm", c.Realm), zap.Error(err))
		return sessions.Hash{}, errors.New("the session store did not take the session")
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
	return opened, nil
}

// attributes returns the attributes of the user: those that some route of the realm needs, by the claims of the same names
// unless the options name others, and those that the options name.
func (c *Callback) attributes(token *validator.IDToken) sessions.Attributes {
	attributes := make(sessions.Attributes)
	for _, name := range c.app.Names().AttributesOf(c.Realm) {
		attributes[name] = token.Attribute(name)
	}
	for name, claim := range c.Attributes {
		attributes[name] = token.Attribute(claim)
	}
	return attributes
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
