package forward

import (
	"maps"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/request/identity"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// subject says what a token for services is made from and made for.
type subject struct {
	key                           string // the id of the key that signs it
	realm, issuer, audience, user string
	source                        identity.Source
}

// made is a token that was made for services.
type made struct {
	token         string
	attributes    sessions.Attributes
	made, expires int64 // in seconds since 1970
}

// serves reports whether the token can be used for the identity as it is now. A session that was confirmed since would make a
// longer one, which is not worth making while half of the life of this one is left.
func (t made) serves(who *identity.Principal, now time.Time) bool {
	remaining := t.expires - now.Unix()
	return remaining > 0 && t.expires <= who.Expires && (t.expires == who.Expires || 2*remaining >= t.expires-t.made) &&
		maps.EqualFunc(t.attributes, who.Attributes, sessions.Attribute.Equal)
}

// Memory remembers tokens that were made for services; those used longest ago give way. A nil one remembers
// nothing. Safe for concurrent use.
type Memory struct {
	tokens *remember.Memory[subject, made]
}

// MemoryOf returns the memory that the handlers of a configuration share.
func MemoryOf(of *app.App) (*Memory, error) {
	return app.Shared(of, "forwarded tokens", func() (*Memory, error) { return newMemory(*of.TokenCache), nil })
}

// newMemory makes a memory for about the given number of tokens.
func newMemory(entries int) *Memory {
	if entries < 1 {
		return nil
	}
	return &Memory{remember.NewSharded[subject, made](entries)}
}

func (m *Memory) get(subject subject, who *identity.Principal, now time.Time) (string, bool) {
	if m == nil {
		return "", false
	}
	known, ok := m.tokens.Get(subject)
	if !ok || !known.serves(who, now) {
		return "", false
	}
	return known.token, true
}

func (m *Memory) put(subject subject, token made) {
	if m != nil {
		m.tokens.Put(subject, token)
	}
}
