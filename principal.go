package jwtsession

import (
	"maps"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// principal is the user that a request was found to be from. The zero value is nobody.
type principal struct {
	user       string
	attributes sessions.Attributes
	via        string
	source     identitySource
	expires    int64 // until when, in seconds since 1970; after that it is to be found out anew

	id           any           // the user id, as the value of a placeholder
	placeholders []placeholder // of the attributes
	lossy        []string      // the attributes that a header and a placeholder can't hold whole, in order
}

// identitySource is what spoke for a user: one token, or one session since its user is known in it.
type identitySource struct {
	token    string // its id
	session  sessions.Hash
	authTime int64
}

// placeholder is one that is set, by its name.
type placeholder struct {
	name  string
	value any
}

func newPrincipal(user string, attributes sessions.Attributes, via string) principal {
	who := principal{user: user, attributes: attributes, via: via, id: user}
	for name, attribute := range attributes {
		value, whole := wholeHeaderValue(attribute)
		if value != "" && name != "id" {
			who.placeholders = append(who.placeholders, placeholder{name: placeholderUser + name, value: value})
		}
		if !whole {
			who.lossy = append(who.lossy, name)
		}
	}
	slices.Sort(who.lossy)
	return who
}

// What spoke for the user: the values of {http.jwt_session.via}.
const (
	viaToken   = "token"
	viaSession = "session"
	viaIssuer  = "issuer"
	viaNone    = "none"
)

func principalOfToken(claims *validator.Claims) principal {
	who := newPrincipal(claims.Subject(), claims.Attributes(), viaToken)
	who.source, who.expires = identitySource{token: claims.TokenID()}, claims.Expires()
	return who
}

// principalOfSession gives the identity the life that a token for the session would have.
func principalOfSession(session sessions.Session, lifetime time.Duration, now time.Time) principal {
	who := newPrincipal(session.User, session.Attributes, viaSession)
	who.source = identitySource{session: session.Hash, authTime: session.AuthTime}
	who.expires = validator.Minter{Lifetime: lifetime}.Expires(session, now)
	return who
}

// viaValue returns via as the value of a placeholder: a constant is one already, other than the text of a field.
func (p principal) viaValue() any {
	switch p.via {
	case viaToken:
		return viaToken
	case viaSession:
		return viaSession
	case viaIssuer:
		return viaIssuer
	default:
		return p.via
	}
}

// The placeholders.
const (
	placeholderUser   = "http.auth.user."
	placeholderID     = placeholderUser + "id"
	placeholderRealm  = "http.jwt_session.realm"
	placeholderVia    = "http.jwt_session.via"
	placeholderReason = "http.jwt_session.reason"
)

// clearPlaceholders removes what an earlier handler, or an earlier run of this one, left of another identity.
func (j *journey) clearPlaceholders(repl *caddy.Replacer) {
	repl.Delete(placeholderID)
	for _, placeholder := range j.placeholders {
		repl.Delete(placeholder.name)
	}
	j.placeholders = nil
	repl.Delete(placeholderRealm)
	repl.Set(placeholderVia, viaNone)
	repl.Delete(placeholderReason)
}

// setPlaceholders makes the identity known to the rest of the route and to the access log.
func (j *journey) setPlaceholders(repl *caddy.Replacer, who principal) {
	repl.Set(placeholderID, who.id)
	j.placeholders = who.placeholders
	for _, placeholder := range who.placeholders {
		repl.Set(placeholder.name, placeholder.value)
	}
	repl.Set(placeholderVia, who.viaValue())
}

// warnOfLoss says which attributes the services behind do not see, or not whole.
func (h *Handler) warnOfLoss(who principal) {
	for _, name := range who.lossy {
		key := "lossy attribute"
		if slices.Contains(h.needs, name) { // of others there may be as many names as an operator adds sessions with
			key += " " + name
		}
		h.warnAs(key, "an attribute has what a header can't hold: other than visible ASCII and inner spaces, or a comma in an "+
			"element of a list; it is left out of its header and placeholder, or that element is. Let the application write it in "+
			"ASCII, such as percent-encoded, or give another attribute to the services", zap.String("attribute", name))
	}
}

// neededAttributes returns the names of the attributes that this route hands on or asks for.
func (h *Handler) neededAttributes() []string {
	var names []string
	for _, header := range h.identity.headers {
		if header.Attribute != "" {
			names = append(names, header.Attribute)
		}
	}
	if h.Whoami != nil {
		names = slices.AppendSeq(names, maps.Keys(h.Whoami.Attributes))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
