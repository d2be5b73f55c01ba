package jwtsession

import (
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
)

// warnOfLoss says which attributes the services behind do not see, or not whole.
func (h *Handler) warnOfLoss(who identity.Principal) {
	for _, name := range who.Lossy {
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
	for _, header := range h.identity.Headers {
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
