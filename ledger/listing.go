package ledger

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

// ErrCursor is returned by [Ledger.Revocations] for a cursor that is none.
var ErrCursor = errors.New("listing revocations: after: want the value of next of the page before")

// Revocation is one no of the operator that is in force.
type Revocation struct {
	// Kind says what is revoked. It is one of [blacklist.Revocations].
	Kind blacklist.Kind
	// Realm is empty for tokens and for what is of every realm.
	Realm string
	// User is set for users.
	User string
	// Digest is the SHA-256 of the session id or of the token's jti, and zero for the rest.
	Digest [32]byte
	// Second is the last auth_time that is hit, in seconds since 1970, and for a session when it was revoked. It is 0 for
	// tokens.
	Second int64
	// Expires is when the revocation is over, unless it is prolonged by refusing somebody.
	Expires time.Time
}

// Revocations returns a page of the revocations and flushes that are in force, from memory, and the cursor for the next
// page, which is empty after the last. The cursor of the first page is empty. The limit is 1 or more.
func (l *Ledger) Revocations(limit int, after string) (page []Revocation, next string, err error) {
	var from blacklist.Subject
	if after != "" {
		data, err := base64.RawURLEncoding.DecodeString(after)
		if err == nil {
			from, err = blacklist.ParseSubject(data)
		}
		if err != nil {
			return nil, "", ErrCursor
		}
	}
	entries, more := l.blacklist.Page(max(limit, 1), from, blacklist.Revocations()...)
	page = make([]Revocation, len(entries))
	for i, entry := range entries {
		page[i] = revocationOf(entry)
	}
	if more {
		next = base64.RawURLEncoding.EncodeToString(entries[len(entries)-1].Subject.Bytes())
	}
	return page, next, nil
}

func revocationOf(entry blacklist.Entry) Revocation {
	subject := entry.Subject
	revocation := Revocation{
		Kind: subject.Kind(), Realm: subject.Realm(), User: subject.User(), Second: entry.Second, Expires: entry.Expires,
	}
	if subject.User() == "" {
		revocation.Digest = subject.Digest()
	}
	return revocation
}
