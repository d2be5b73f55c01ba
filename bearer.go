package jwtsession

import (
	"slices"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/journey"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// noBearer is what a request brings that has no token of ours in Authorization.
var noBearer = validator.TokenCredential{Presence: validator.Absent}

// hasBearer says whether a token of ours came in Authorization, of whatever worth. Such a client keeps its token itself:
// it is given no cookie.
func (v *visit) hasBearer() bool { return v.bearer.Presence != validator.Absent }

// hasToken says whether a token came in any place, of whatever worth. A cookie of another realm is as if it had not come;
// who sends a token in Authorization is told that it does not do, whoever's it is.
func (v *visit) hasToken() bool {
	if v.token.State == validator.TokenForeign {
		return v.hasBearer() || v.access.State != validator.AccessAbsent
	}
	return v.tokenSent || v.hasBearer() || v.token.Reason != "" || v.access.State != validator.AccessAbsent
}

// takeBearer reads our token from the client's Authorization, where this route accepts it there, and hides it from all that
// comes behind. What is not ours is the application's, and stays.
func (v *visit) takeBearer() {
	v.bearer = noBearer
	if !v.AcceptBearer || v.gateway == nil {
		return
	}
	sent := v.journey.Authorization
	bearer, kept := v.gateway.Verifier.ReadBearer(sent)
	if bearer.Presence == validator.Absent && slices.ContainsFunc(sent, validator.NamesKey) &&
		v.gateway.RereadKeys(v.request.Context()) {
		bearer, kept = v.gateway.Verifier.ReadBearer(sent)
	}
	if bearer.Presence == validator.Absent {
		return
	}
	// An earlier handler may have replaced what the client sent; that is none of ours to remove.
	journey.SetLines(v.request.Header, "Authorization", slices.DeleteFunc(
		slices.Clone(v.request.Header["Authorization"]),
		func(line string) bool { return slices.Contains(sent, line) && !slices.Contains(kept, line) }))
	if v.mode != validator.Stateful { // there tokens are not looked at
		v.bearer = bearer
	}
}

// weighBearer takes the token in Authorization into account beside the one in the cookie. Exactly one token is looked at:
// two that differ are none. One of another realm is as if it had not come.
func (v *visit) weighBearer(cookie validator.TokenCredential) {
	if !v.hasBearer() {
		return
	}
	token := v.verify(v.bearer)
	switch {
	case token.State == validator.TokenForeign:
		v.bearer = noBearer
		v.warn("clients send a token of another realm in Authorization; it is ignored here")
		if v.token.State == validator.TokenAbsent {
			v.token.Reason = token.Reason
		}
	case v.token.State == validator.TokenAbsent:
		v.token = token
	case v.token.State == validator.TokenForeign:
		v.token, v.tokenSent = token, false // the cookie is not ours to clear
	case !v.bearer.Same(cookie):
		v.token = validator.Token{Reason: validator.TokenAmbiguous}
	}
}

// mayBeBearer says whether a token of ours may be in Authorization, where the keys are not there to tell.
func (v *visit) mayBeBearer() bool {
	return v.AcceptBearer && slices.ContainsFunc(v.journey.Authorization, func(line string) bool {
		_, isBearer := validator.CutBearer(line)
		return isBearer
	})
}
