package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// attributeMatch is which users of a realm an attribute names.
type attributeMatch struct {
	realm, name, text string
	folded            bool // texts that differ in case alone are the same
}

// foldedName is the name that stands for an attribute whose texts are compared in lower case.
func foldedName(name string) string { return "folded " + name }

// subject returns the subject of the users.
func (m attributeMatch) subject() blacklist.Subject {
	if m.folded {
		return blacklist.RevokedAttribute(m.realm, foldedName(m.name), foldText(m.text))
	}
	return blacklist.RevokedAttribute(m.realm, m.name, m.text)
}

// foldText makes texts equal that differ in case alone. A subject and a session are compared by the same text.
func foldText(text string) string { return strings.ToLower(text) }

// attributeSubjects returns the subjects that a user with the text in the attribute is revoked by.
func attributeSubjects(realm, name, text string) [2]blacklist.Subject {
	return [2]blacklist.Subject{
		attributeMatch{realm: realm, name: name, text: text}.subject(),
		attributeMatch{realm: realm, name: name, text: text, folded: true}.subject(),
	}
}

// matches reports whether the user of the session is one of them.
func (m attributeMatch) matches(session sessions.Session) bool {
	return slices.ContainsFunc(session.Attributes[m.name].Texts(), func(text string) bool {
		return text == m.text || m.folded && foldText(text) == foldText(m.text)
	})
}

// revokeAttribute revokes the attribute and returns the users who have it in a record. No session is learned between the two:
// it is either refused, or its record is found.
func revokeAttribute(ctx context.Context, b *book, of attributeMatch) ([]string, error) {
	if err := putAttributeInForce(ctx, b, of); err != nil {
		return nil, err
	}
	b.hearOwn(ctx)
	var users []string
	seen := make(map[string]bool)
	err := b.eachOf(ctx, sessions.Query{Realm: of.realm, Limit: listed}, b.now(), func(session sessions.Session) error {
		if of.matches(session) && !seen[session.User] {
			seen[session.User] = true
			users = append(users, session.User)
		}
		return nil
	})
	return users, err
}

// putAttributeInForce locks all stripes, so that no session is being learned meanwhile.
func putAttributeInForce(ctx context.Context, b *book, of attributeMatch) error {
	defer b.stripes.lockAll()()
	now := b.now()
	second := scope{realm: of.realm}.latest(&b.blacklist, now)
	entry := blacklist.Entry{Subject: of.subject(), Second: second, Expires: b.blacklist.expiryOf(second, now)}
	written, err := b.blacklist.Revoke(ctx, entry)
	if err != nil {
		return err
	}
	b.blacklist.revokedAt.mark(entry.Subject, lastPlace(written))
	return nil
}
