package admin

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/ledger"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// RevokeRequest is the body of POST /jwt_session/revocations. The members that it has decide what is revoked.
type RevokeRequest struct {
	TokenID string    `json:"jti"`
	Expires *int64    `json:"exp"`
	Token   string    `json:"token"`
	Realm   string    `json:"realm"`
	Session sessionID `json:"session"`
	Hash    string    `json:"session_hash"`
	User    string    `json:"user"`
	All     bool      `json:"all"`
	Lift    bool      `json:"lift"`
}

// RevokeAnswer is the answer to POST /jwt_session/revocations, once it is durable.
type RevokeAnswer struct {
	Revoked bool `json:"revoked"`
	Lifted  bool `json:"lifted,omitempty"`
}

// errRevokeForm is the answer to a body that names nothing or two things.
var errRevokeForm = apiError(http.StatusBadRequest, "want exactly one of: `jti` and `exp`; `token`; `realm` and `session` or "+
	"`session_hash`; `user`, with `realm` or everywhere; `realm`; `all`. `lift` goes with `jti`, a session or a user")

func revoke(c *Call) (any, error) {
	var body RevokeRequest
	if err := c.Read(&body); err != nil {
		return nil, err
	}
	if name := emptyMember(c.Body); name != "" {
		return nil, apiError(http.StatusBadRequest, name+": it is empty; leave out what is not meant")
	}
	act, err := revocation(c, body)
	if err != nil {
		return nil, err
	}
	return act()
}

// emptyMember returns the name of a member of the object that is empty, such as a script's variable that was never set. The
// less a revocation names, the more it hits: an empty user that was taken for an absent one would drop the whole realm.
func emptyMember(object []byte) string {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(object, &members); err != nil {
		return "" // whoever reads the object says so
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch string(members[name]) {
		case `""`, "null":
			return name
		}
	}
	return ""
}

// revocation returns what the body asks for.
func revocation(c *Call, body RevokeRequest) (func() (any, error), error) {
	byToken, byID := body.Token != "", body.TokenID != "" || body.Expires != nil
	bySession, byUser := body.Session.given() || body.Hash != "", body.User != ""
	named := 0
	for _, one := range []bool{byToken, byID, bySession, byUser, body.All} {
		if one {
			named++
		}
	}
	if named > 1 || body.Realm != "" && (byToken || byID || body.All) || named == 0 && body.Realm == "" ||
		body.Lift && !bySession && !byUser && body.TokenID == "" {
		return nil, errRevokeForm
	}
	switch {
	case byToken:
		return func() (any, error) { return RevokeAnswer{Revoked: true}, revokeByToken(c, body.Token) }, nil
	case byID && body.Lift:
		return func() (any, error) { return liftToken(c, body) }, nil
	case byID:
		return func() (any, error) { return RevokeAnswer{Revoked: true}, revokeByID(c, body) }, nil
	case bySession:
		return func() (any, error) { return revokeSession(c, body) }, nil
	case byUser:
		return func() (any, error) { return revokeUser(c, body) }, nil
	default:
		return func() (any, error) { return RevokeAnswer{Revoked: true}, flush(c, body) }, nil
	}
}

// revokeByID revokes one token.
func revokeByID(c *Call, body RevokeRequest) error {
	if !validator.IsTokenID(body.TokenID) {
		return apiError(http.StatusBadRequest, "jti: want the claim of the token, 1 to 256 visible ASCII characters")
	}
	if body.Expires == nil || *body.Expires < 1 || *body.Expires > validator.MaxSeconds {
		return apiError(http.StatusBadRequest, "exp: want the claim of the token, in whole seconds since 1970")
	}
	if err := c.gateway.Ledger.RevokeToken(c.request.Context(), body.TokenID, time.Unix(*body.Expires, 0)); err != nil {
		return err
	}
	announce(c, "token revoked", "token", "")
	return nil
}

// revokeByToken revokes every token of the token's session that was minted so far. A token that is not ours is refused,
// since anything could be written in it; one that has merely expired is not.
func revokeByToken(c *Call, text string) error {
	claims, reason := c.gateway.Authenticate(c.request.Context(), text)
	if reason != "" {
		return apiError(http.StatusUnprocessableEntity, "token: it does not verify ("+string(reason)+"); nothing was done")
	}
	if err := c.gateway.Ledger.KillTokens(c.request.Context(), claims.SessionKey(), claims.AuthTime()); err != nil {
		return err
	}
	announce(c, "tokens of a session revoked", "tokens", claims.Realm())
	return nil
}

// liftToken ends the revocation of a token. The request may be the one that revoked it, with its exp, which says nothing
// here.
func liftToken(c *Call, body RevokeRequest) (any, error) {
	was, err := c.gateway.Ledger.LiftToken(c.request.Context(), body.TokenID)
	return lifted(c, "", was, err)
}

func revokeSession(c *Call, body RevokeRequest) (any, error) {
	key, err := sessionKey(c, body.Realm, body.Session, body.Hash)
	if err != nil {
		return nil, err
	}
	if body.Lift {
		was, err := c.gateway.Ledger.LiftSession(c.request.Context(), key)
		return lifted(c, key.Realm, was, err)
	}
	if err := c.gateway.Ledger.RevokeSession(c.request.Context(), key); err != nil {
		return nil, err
	}
	announce(c, "session revoked", "session", key.Realm)
	return RevokeAnswer{Revoked: true}, nil
}

func revokeUser(c *Call, body RevokeRequest) (any, error) {
	if !validator.IsUserID(body.User) {
		return nil, apiError(http.StatusBadRequest, "user: want 1 to 256 visible ASCII characters")
	}
	if body.Realm != "" {
		if _, err := c.siteOf(body.Realm); err != nil {
			return nil, err
		}
	}
	ctx := c.request.Context()
	switch {
	case body.Lift && body.Realm == "":
		was, err := c.gateway.Ledger.LiftUserEverywhere(ctx, body.User)
		return lifted(c, "", was, err)
	case body.Lift:
		was, err := c.gateway.Ledger.LiftUser(ctx, body.Realm, body.User)
		return lifted(c, body.Realm, was, err)
	}
	hit := func() error { return c.gateway.Ledger.RevokeUserEverywhere(ctx, body.User) }
	if body.Realm != "" {
		hit = func() error { return c.gateway.Ledger.RevokeUser(ctx, body.Realm, body.User) }
	}
	if err := hit(); err != nil {
		return nil, err
	}
	announce(c, "user revoked", "user", body.Realm)
	return RevokeAnswer{Revoked: true}, nil
}

// announce tells of a revocation in the log and with an event of Caddy's.
func announce(c *Call, action, kind, realm string) {
	c.audit(action, zap.String("realm", realm))
	c.app.Emit("revocation", map[string]any{"kind": kind, "realm": realm})
}

// flush drops all sessions and tokens of a realm, or of all realms.
func flush(c *Call, body RevokeRequest) error {
	if body.All {
		if err := c.gateway.Ledger.FlushAll(c.request.Context()); err != nil {
			return err
		}
		announce(c, "all sessions and tokens dropped", "all", "")
		return nil
	}
	if _, err := c.siteOf(body.Realm); err != nil {
		return err
	}
	if err := c.gateway.Ledger.Flush(c.request.Context(), body.Realm); err != nil {
		return err
	}
	announce(c, "sessions and tokens of a realm dropped", "realm", body.Realm)
	return nil
}

// lifted returns the answer to the end of a revocation. It is an error if there was no such revocation.
func lifted(c *Call, realm string, was bool, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if !was {
		return nil, apiError(http.StatusNotFound, "there is no such revocation")
	}
	announce(c, "revocation lifted", "lifted", realm)
	return RevokeAnswer{Lifted: true}, nil
}

// revocationList is the answer to GET /jwt_session/revocations.
type revocationList struct {
	Revocations []listedRevocation `json:"revocations"`
	Next        string             `json:"next,omitempty"` // the value for `after` that brings the next page
}

// pageRequest is the body of POST /jwt_session/revocations/list. It is no query, since `after` may hold a user id.
type pageRequest struct {
	Limit int    `json:"limit"`
	After string `json:"after"`
}

// listedRevocation is one revocation or flush that is in force.
type listedRevocation struct {
	Kind    string     `json:"kind"`
	Realm   string     `json:"realm,omitempty"`
	User    string     `json:"user,omitempty"`
	Session string     `json:"session_hash,omitempty"`
	TokenID string     `json:"jti_hash,omitempty"` // the SHA-256 of the token's id
	Since   *time.Time `json:"since,omitempty"`
	Expires time.Time  `json:"expires"`
}

// listRevocations lists the first page.
func listRevocations(c *Call) (any, error) { return revocationsAfter(c, maxListLimit, "") }

func pageRevocations(c *Call) (any, error) {
	body := pageRequest{Limit: defaultListLimit}
	if err := c.Read(&body); err != nil {
		return nil, err
	}
	if err := checkLimit(body.Limit); err != nil {
		return nil, err
	}
	return revocationsAfter(c, body.Limit, body.After)
}

func revocationsAfter(c *Call, limit int, after string) (any, error) {
	page, next, err := c.gateway.Ledger.Revocations(limit, after)
	if errors.Is(err, ledger.ErrCursor) {
		return nil, errAfter
	}
	if err != nil {
		return nil, err
	}
	answer := revocationList{Revocations: make([]listedRevocation, len(page)), Next: next}
	for i, revocation := range page {
		answer.Revocations[i] = listed(revocation)
	}
	return answer, nil
}

func listed(revocation ledger.Revocation) listedRevocation {
	entry := listedRevocation{
		Kind: revocation.Kind.String(), Realm: revocation.Realm, User: revocation.User, Expires: revocation.Expires.UTC(),
	}
	switch revocation.Kind {
	case blacklist.KindSession:
		entry.Session = sessions.Hash(revocation.Digest).String()
	case blacklist.KindToken:
		entry.TokenID = sessions.Hash(revocation.Digest).String()
	default:
	}
	if revocation.Second > 0 {
		since := time.Unix(revocation.Second, 0).UTC()
		entry.Since = &since
	}
	return entry
}
