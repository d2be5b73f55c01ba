package jwtsession

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// revokeRequest is the body of POST /jwt_session/revocations: the id and the end of a token, or the token itself.
type revokeRequest struct {
	TokenID string `json:"jti"`
	Expires *int64 `json:"exp"`
	Token   string `json:"token"`
}

// revokeAnswer is the answer to POST /jwt_session/revocations, once it is durable.
type revokeAnswer struct {
	Revoked bool `json:"revoked"`
}

func (c *adminCall) revoke() (any, error) {
	var body revokeRequest
	if err := c.read(&body); err != nil {
		return nil, err
	}
	byID, byToken := body.TokenID != "" || body.Expires != nil, body.Token != ""
	var err error
	switch {
	case byID && byToken || !byID && !byToken:
		err = apiError(http.StatusBadRequest, "want either `jti` and `exp`, or `token`")
	case byToken:
		err = c.revokeByToken(body.Token)
	default:
		err = c.revokeByID(body)
	}
	if err != nil {
		return nil, err
	}
	return revokeAnswer{Revoked: true}, nil
}

// revokeByID revokes one token.
func (c *adminCall) revokeByID(body revokeRequest) error {
	if !validator.IsTokenID(body.TokenID) {
		return apiError(http.StatusBadRequest, "jti: want the claim of the token, 1 to 256 visible ASCII characters")
	}
	if body.Expires == nil || *body.Expires < 1 || *body.Expires > validator.MaxSeconds {
		return apiError(http.StatusBadRequest, "exp: want the claim of the token, in whole seconds since 1970")
	}
	if err := c.gateway.ledger.RevokeToken(c.request.Context(), body.TokenID, time.Unix(*body.Expires, 0)); err != nil {
		return err
	}
	c.audit("token revoked")
	return nil
}

// revokeByToken revokes every token of the token's session that was minted so far. A token that is not ours is refused,
// since anything could be written in it; one that has merely expired is not.
func (c *adminCall) revokeByToken(text string) error {
	claims, reason := c.gateway.verifier.Authenticate(text)
	if reason != "" {
		return apiError(http.StatusUnprocessableEntity, "token: it does not verify ("+string(reason)+"); nothing was done")
	}
	if err := c.gateway.ledger.KillTokens(c.request.Context(), claims.SessionKey(), claims.AuthTime()); err != nil {
		return err
	}
	c.audit("tokens of a session revoked", zap.String("realm", claims.Realm()))
	return nil
}
